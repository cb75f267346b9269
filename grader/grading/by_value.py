"""Which structs are copied as an argument or a result: what gcc tells the runtime nothing of, and clang does.

gcc writes down what -fsanitize=thread has made of the code (grader/build.mk: -fdump-tree-tsan1-gimple-lineno). There
each argument and each result of a call stands in a register, but for a struct or a union, which stands where it is:

    [channel.c:9:33] _3 = sum ([channel.c:9:33] p_2(D)->numbers);
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_PLACE = re.compile(r"\[([^][]+):(\d+):\d+\] ")
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"')
_CALL = re.compile(r"  (?:(\S.*?) =(?:\{v\})? )?(?!_Literal|__[A-Z])\w[\w.]*(?:\(D\))? \((.*)\);")
_DECLARED = re.compile(r"  (?!static )[^(]*?(\w+)(?:\.\d+)?(?:\[.*)?;$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<!struct )(?<!union )\b(\w+)[,)]")
_ADDRESS = re.compile(r"(?<!> \()&(\w+)\b(?!\(D\)|->)")  # of a variable; what is in it: __MEM <long> (&name + 8)
_VARIABLE = re.compile(r"([A-Za-z_]\w*)(?:\.\d+)?(?:[.[].*)?")
_REGISTER = re.compile(r"\w*_\d+")


def places(dump: str) -> list[str]:
    """Where another thread may know what is copied: channel.c:9. It knows a local variable only if the address is
    taken."""
    text = _TEXT.sub('""', dump)
    known = set(_ADDRESS.findall(text))
    found = {place for function in text.split("\n}") for place in _in_function(function, known)}
    return [f"{name}:{line}" for name, line in sorted(found)]


def _in_function(text: str, known: set[str]) -> Iterator[tuple[str, int]]:
    """known: the variables whose address is taken anywhere."""
    head, _, body = text.partition("\n{\n")
    declared, _, statements = body.partition("\n\n")
    own = {*_PARAMETER.findall(head.rpartition("\n")[2]), *_DECLARED.findall(declared)}
    shared = (known - own) | set(_ADDRESS.findall(statements))
    for line in statements.splitlines():
        place, call = _PLACE.search(line), _CALL.match(_PLACE.sub("", line))
        if place and call and any(_is_memory(one, own, shared) for one in (call[1] or "", *call[2].split(", "))):
            yield Path(place[1]).name, int(place[2])


def _is_memory(operand: str, own: set[str], shared: set[str]) -> bool:
    """Is that a struct which another thread may know of?"""
    if operand.startswith(("__MEM", "__VIEW_CONVERT")) and (inside := re.search(r"\(&(\w+)", operand)):
        return inside[1] in shared or inside[1] not in own
    if operand.startswith("__MEM") or ("->" in operand and not operand.startswith(("&", "_Literal"))):
        return True
    variable = _VARIABLE.fullmatch(operand)
    if variable is None:
        return False
    name = variable[1]
    return name in shared or (name not in own and not _REGISTER.fullmatch(name))
