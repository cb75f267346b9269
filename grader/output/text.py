"""Text in columns. It is made of lines, and a line of pieces (text, style); styles are rich's."""

from __future__ import annotations

import shutil
import sys
import textwrap

Piece = tuple[str, str]
Line = list[Piece]


def wrap(text: str, width: int, following: str = "", whole: bool = False) -> list[str]:
    """A paragraph as lines of at most that width, at least one.

    following: what all but the first begin with; whole: longer words (paths, commands) are not broken."""
    wrapper = textwrap.TextWrapper(
        width, subsequent_indent=following, break_long_words=not whole, break_on_hyphens=not whole
    )
    return wrapper.wrap(text) or [""]


def paragraphs(text: str, width: int, style: str = "") -> list[Line]:
    """Each line of the text as a paragraph of its own."""
    return [[(line, style)] for paragraph in text.splitlines() for line in wrap(paragraph, width)]


def cut(text: str, width: int, end: str = "…") -> str:
    """As much of the text as fits."""
    return text if len(text) <= width else text[: max(0, width - len(end))] + end


def tell(error: object) -> None:
    """Says it on stderr, where a terminal's edge breaks no word."""
    lines = str(error).splitlines()
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        lines = [part for line in lines for part in wrap(line, width, whole=True)]
    print("\n".join(lines), file=sys.stderr)
