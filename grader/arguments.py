"""What the words of a command mean: EX=02,04 VARIANT=asan SECONDS=5 HTML=1."""

from __future__ import annotations

from collections.abc import Sequence

from grader.errors import UsageError
from grader.exercises import ROOT, Exercise, all_exercises, find
from grader.grading import build


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
