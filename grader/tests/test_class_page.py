"""class.html in a real browser: headless Chromium, driven by playwright-core. Skipped where either is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from grader.classroom import page
from grader.classroom.similar import Pair

SCRIPT = Path(__file__).parent / "browser" / "class_page.js"
STUDENTS = 400
NASTY = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def student(number: int) -> dict[str, Any]:
    name = f"<b>Mallory</b> {NASTY}" if number == 7 else f"student{number:03}"
    verdict, points = ("passed", 10.0) if number == 5 else ("failed", float(number % 10))
    tests = [{"suite": "02_blocking", "name": "it_wakes", "verdict": "deadlock"}] if verdict == "failed" else []
    first = {"name": "02_blocking", "verdict": verdict, "points": points, "max_points": 10.0, "tests": tests}
    second = {"name": "03_message_type", "verdict": "absent", "points": 0.0, "max_points": 10.0, "tests": []}
    if number == 7:
        second |= {"verdict": "rejected", "message": f"It says {NASTY}"}
    return {
        "student": name,
        "submitted": None,
        "points": points + 100 * (number == 5),
        "max_points": 200.0,
        "exercises": [first | {"report": f"head\nstory {number % 50}"}, second],
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "class.html"
    table = page.Table(["02_blocking", "03_message_type"], "bubblewrap", "local")
    for number in range(STUDENTS):
        table.add(student(number))
    table.write(path, [Pair("02_blocking", "student001", NASTY, 97)], ["A note."])
    return path


def test_the_page_is_whole_by_itself_and_small(written: Path) -> None:
    text = written.read_text()
    assert len(text) < 1 << 20
    assert "http://" not in text and "https://" not in text and NASTY not in text


def test_reports_that_many_share_are_kept_once(written: Path) -> None:
    data = written.read_text().split('type="application/json">')[1].split("</script>")[0]
    assert len(json.loads(data)) == 51


def test_a_person_can_sort_search_and_read(written: Path, playwright: Path, tmp_path: Path) -> None:
    command = ["node", str(SCRIPT), str(playwright), shutil.which("chromium") or "", str(written)]
    done = subprocess.run([*command, str(tmp_path / "page.png")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["errors"] == [] and seen["requests"] == [f"file://{written}"]
    assert seen["rows"] == STUDENTS and seen["bold"] == 0
    assert seen["best"][0] == "student005" and seen["worst"][1] == "0.0"
    assert seen["shown"] == f"1 of {STUDENTS}"
    assert seen["whose"].endswith("03_message_type (0/10)") and NASTY in seen["text"]
    assert seen["report"] == f"file://{written.parent}/reports/student005.txt"
    assert seen["width"] == 390
    assert seen["closed"] and (tmp_path / "page.png").stat().st_size > 10_000
