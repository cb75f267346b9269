"""What was typed, and what the shell has set: here the environment is read, and nowhere else.

`make grade EX=04 CC=clang` reaches the grader as environment variables. What is handed on to other programs is
another matter: that is all of the environment, or little of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Typed:
    """The words, by their names: EX, SRC, CC, ..."""

    words: Mapping[str, str]

    def word(self, name: str, otherwise: str = "") -> str:
        """What NAME= was given; or that, if nothing was."""
        return self.words.get(name) or otherwise

    @property
    def compiler(self) -> str:
        return self.word("CC", "cc")

    @property
    def other_compiler(self) -> str:
        """What compiles the code of which the compiler tells too little; "" for none."""
        return self.words.get("OTHER_CC", "clang")

    @property
    def objcopy(self) -> str:
        return self.word("OBJCOPY", "objcopy")

    @property
    def wants_plain_text(self) -> bool:
        return bool(self.word("NO_COLOR") or self.word("CI"))

    @property
    def has_dumb_terminal(self) -> bool:
        return self.word("TERM", "dumb") == "dumb"


def now() -> Typed:
    """As it is at this moment."""
    return Typed(MappingProxyType(dict(os.environ)))


def told_by_make() -> tuple[list[str], list[str]]:
    """The names that were typed, and for which commands. What is started from here is not told again."""
    names, goals = (os.environ.pop(name, "").split() for name in ("TYPED", "GOALS"))
    return names, goals
