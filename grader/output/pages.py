"""Pages of HTML, from templates: each is one file that needs nothing else, neither a network nor a server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from grader.errors import MachineError


def fill(template: Path, **values: Any) -> str:
    """The template with the values in it. What they hold is text, and stays text: no value is HTML."""
    try:
        import jinja2
    except ImportError:
        page = template.name.removesuffix(".j2")
        raise MachineError(f"{page} needs jinja2, which this Python lacks. Run: sh setup.sh") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template.name).render(**values)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Without what no page should hold."""
    return _CONTROL.sub("?", text.encode("utf-8", "replace").decode())


def for_script(data: Any) -> Any:
    """Data for a script of the page, as JSON. Nothing in it can end the script early: no </script>, no <!--."""
    from markupsafe import Markup

    return Markup(json.dumps(data).replace("<", "\\u003c"))
