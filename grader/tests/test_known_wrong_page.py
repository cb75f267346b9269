"""The page that says what catches the known-wrong channels."""

from __future__ import annotations

from grader.selfcheck import catches


def entry(exercise: str, mistake: str, schedules: int) -> dict[str, object]:
    return {
        "exercise": exercise, "name": "x", "mistake": mistake, "verdict": "use_after_free",
        "suite": exercise, "test": "a_test", "schedules": schedules, "seconds": 0.0,
    }  # fmt: skip


def test_the_page_counts_and_escapes() -> None:
    text = catches.page([entry("01_a", "a | b", 1), entry("02_b", "c", 100), entry("02_b", "d", 4000)])
    assert "1 of 3 are caught in fewer than 100 schedules." in text
    assert "| `02_b` | 2 | 4,000 | 4,000 |" in text
    assert "| a \\| b | use after free | a test | 1 |" in text
    assert text.index("## 01_a") < text.index("## 02_b")
