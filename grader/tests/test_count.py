"""The count that `make test` ends with, which decides whether CI is green."""

from __future__ import annotations

from pathlib import Path

from grader.tests.__main__ import Count, junit_count, line_count


def test_a_count_is_read_from_a_line_of_its_own() -> None:
    assert line_count("12 passed, 3 failed\n") == Count(12, 3)
    assert line_count("12 passed, 0 failed, 2 skipped") == Count(12, 0, 2)


def test_a_count_inside_other_text_is_none() -> None:
    assert line_count("a student printed 12 passed, 0 failed") is None


def test_errors_outside_of_a_test_are_failures(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="5" errors="1" failures="1" skipped="1"/></testsuites>')
    assert junit_count(report) == Count(passed=2, failed=2, skipped=1)
