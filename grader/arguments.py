"""What the words of a command mean: EX=02,04 VARIANT=asan SECONDS=5 HTML=1."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

from grader import typed
from grader.errors import UsageError
from grader.exercises import ROOT, Exercise, all_exercises, find
from grader.grading import build

# What make or everything it starts takes from a command line, whatever the command.
_FOR_ALL = frozenset("CC OTHER_CC OBJCOPY PYTHON SHELL TMPDIR TERM COLUMNS NO_COLOR CI EDITOR".split())


def refuse_unknown(command: str, words: Callable[[], Mapping[str, Sequence[str]]]) -> None:
    """Ends it if something was typed that the command would silently pass over: make grade EXX=04.

    words: gives those of each command. Make says in TYPED what was typed, and in GOALS for which commands."""
    names, goals = typed.told_by_make()
    if not names:
        return
    known = words()
    taken = [word for goal in dict.fromkeys([command, *goals]) for word in known.get(goal, ())]
    for name in names:
        if name not in _FOR_ALL and name not in taken:
            raise UsageError(f"make {command} knows no {name}=; {_instead(name, taken, known)}")


def _instead(name: str, taken: Sequence[str], known: Mapping[str, Sequence[str]]) -> str:
    near = difflib.get_close_matches(name.upper(), taken, 1)
    others = [command for command, words in known.items() if name in words]
    if near:
        return f"did you mean {near[0]}= ?"
    if others:
        return f"it is for make {others[0]}."
    return f"it knows {' '.join(f'{word}=' for word in taken)}." if taken else "it takes nothing."


def variant_of(text: str) -> str:
    """The variant that VARIANT= means; the default is the best there is."""
    if not text:
        return default_variant()
    if text not in build.VARIANTS:
        raise UsageError(f"VARIANT={text}: there is none. Choose one of: {' '.join(build.VARIANTS)}")
    return text


def default_variant() -> str:
    folder = ROOT / "grader" / "interleave"
    complete = all((folder / name).exists() for name in ("redirect.syms", "followable.syms"))
    return "interleave" if complete else "asan"


def number(name: str, text: str, default: float) -> float:
    """The number that NAME= means."""
    try:
        value = float(text) if text else default
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise UsageError(f"{name}={text}: that is no number above 0.")
    return value


def chosen(ex: str) -> Sequence[Exercise]:
    """The exercises that EX= means: one, several (EX=02,04), or all."""
    if not ex.strip():
        return all_exercises()
    return [find(one) for one in ex.replace(",", " ").split() or [ex]]


def is_on(value: str) -> bool:
    return value.lower() not in ("", "0", "no", "off", "false")
