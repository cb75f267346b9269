"""class.html: the class on one page that needs nothing else, neither a network nor a server.

The table is there without JavaScript too; with it, columns sort and a click shows a student's report. Reports
are kept once each however many students share them, so a class of hundreds stays small.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader import files
from grader.classroom import code_pages, intake, rating
from grader.classroom.similar import Pair
from grader.grading.verdicts import OF_EXERCISES  # the worst last: so they are stacked in a bar
from grader.output import pages

MOST_TESTS = 25  # of those most often failed
LONGEST_REPORT = 12_000  # characters of one exercise's report; reports/ has all of it
BINS = 10


@dataclass
class Row:
    student: str
    submitted: str
    percent: float
    cells: list[dict[str, Any]]
    group: str = ""
    code: bool = False  # is there a page with it?


@dataclass
class Table:
    """Takes in one student after the other, and writes the page."""

    exercises: Sequence[str]
    sandbox: str
    engine: str
    rows: list[Row] = field(default_factory=list)
    failed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    kinds: dict[tuple[str, str, str], Counter[str]] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)  # report: its number

    def add(self, student: dict[str, Any], code: bool = False) -> None:
        by_name = {exercise["name"]: exercise for exercise in student["exercises"]}
        cells = [self._cell(by_name.get(name)) for name in self.exercises]
        most = student["max_points"]
        percent = 100 * student["points"] / most if most else -1.0  # nothing that counts yet
        submitted = (student.get("submitted") or "")[:16].replace("T", " ")
        group = pages.printable(student.get("group", ""))
        self.rows.append(Row(pages.printable(student["student"]), submitted, percent, cells, group, code))

    def _cell(self, exercise: dict[str, Any] | None) -> dict[str, Any]:
        if exercise is None:
            return {"verdict": "absent", "percent": 0.0, "text": -1}
        for test in exercise.get("tests", []):
            if test["verdict"] not in ("passed", "skipped", "not_implemented", "build_failed"):
                place = (exercise["name"], test["suite"], test["name"])
                self.failed[place] += 1
                self.kinds.setdefault(place, Counter())[test["verdict"]] += 1
        most = exercise["max_points"]
        return {
            "verdict": exercise["verdict"],
            "percent": 100 * exercise["points"] / most if most else 0.0,
            "points": f"{exercise['points']:g}/{most:g}",
            "marks": _marks(exercise),
            "text": self._text(exercise),
            "anchor": _anchor(exercise),
        }

    def _text(self, exercise: dict[str, Any]) -> int:
        """The number of the text that a click on the cell shows."""
        lines = [exercise.get("message", "")] if exercise.get("message") != intake.NOTHING else []
        if exercise["verdict"] not in ("passed", "absent", "rejected", "environment", "not_started"):
            lines = exercise.get("report", "").splitlines()[1:]
        lines = [
            *rating.remarks(exercise),
            *exercise.get("notes", []),
            *lines,
            *(f"flag: {flag}" for flag in exercise.get("flags", [])),
        ]
        text = pages.printable("\n".join(lines).strip("\n"))[:LONGEST_REPORT]
        return self.texts.setdefault(text, len(self.texts)) if text else -1

    # ------------------------------------------------------------------------------------- page

    def distribution(self, column: int) -> dict[str, Any]:
        """Of one exercise: how many have each verdict, and how the points of those who did not pass are spread."""
        cells = [row.cells[column] for row in self.rows]
        counts = Counter(cell["verdict"] for cell in cells)
        bins = [0] * BINS
        for cell in cells:
            if cell["verdict"] not in ("passed", "absent", "not_started"):
                bins[min(BINS - 1, int(cell["percent"] * BINS / 100))] += 1
        return {
            "name": self.exercises[column],
            "verdicts": [(v, counts[v], 100 * counts[v] / max(1, len(cells))) for v in OF_EXERCISES if counts[v]],
            "bins": [(count, 100 * count / max(1, *bins)) for count in bins],
            "unfinished": sum(bins),
        }

    def most_failed(self) -> list[dict[str, Any]]:
        return [
            {
                "exercise": place[0],
                "suite": place[1],
                "test": place[2].replace("_", " "),
                "count": count,
                "verdicts": self.kinds[place].most_common(),
            }
            for place, count in self.failed.most_common(MOST_TESTS)
        ]

    def overview(self) -> list[str]:
        """How many have each verdict, for the terminal: a head and a line an exercise."""
        columns = [v for v in OF_EXERCISES if any(cell["verdict"] == v for row in self.rows for cell in row.cells)]
        widths = [max(7, len(v)) + 1 for v in columns]
        head = "".join(v.replace("_", " ").rjust(w) for v, w in zip(columns, widths, strict=True))
        widest = max(18, *(len(name) + 1 for name in self.exercises))
        lines = [f"{'':{widest}}{head}"]
        for column, name in enumerate(self.exercises):
            counts = Counter(row.cells[column]["verdict"] for row in self.rows)
            numbers = "".join(str(counts[v] or "").rjust(w) for v, w in zip(columns, widths, strict=True))
            lines.append(f"{name:{widest}}{numbers}".rstrip())
        return lines

    def write(self, path: Path, pairs: Sequence[Pair], notes: Sequence[str], pages_of: Sequence[str] = ()) -> None:
        """pages_of: the name of each pair's page in near-copies/."""
        percents = [row.percent for row in self.rows if row.percent >= 0] or [0.0]
        text = pages.fill(
            Path(__file__).with_name("class.html.j2"),
            exercises=self.exercises,
            rows=self.rows,
            mean=statistics.fmean(percents),
            median=statistics.median(percents),
            distributions=[self.distribution(i) for i in range(len(self.exercises))],
            most_failed=self.most_failed(),
            alike=alike(pairs, pages_of),
            notes=notes,
            sandbox=self.sandbox,
            engine=self.engine,
            made=dt.datetime.now().strftime("%Y-%m-%d %H:%M"),
            texts=pages.for_script(list(self.texts)),
        )
        files.write_atomically(path, text)


def alike(pairs: Sequence[Pair], pages_of: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The pairs by their students, those alike in most exercises first."""
    grouped: dict[tuple[str, str], list[Pair]] = {}
    place = dict(zip(pairs, pages_of, strict=False))
    for pair in pairs:
        grouped.setdefault((pair.first, pair.second), []).append(pair)
    ordered = sorted(grouped.items(), key=lambda item: (-len(item[1]), -sum(p.percent for p in item[1]), item[0]))
    return [
        {
            "first": pages.printable(first),
            "second": pages.printable(second),
            "exercises": [(p.exercise, p.percent, place.get(p, "")) for p in sorted(found, key=lambda p: p.exercise)],
        }
        for (first, second), found in ordered
    ]


def _anchor(exercise: dict[str, Any]) -> str:
    """Where on the page with the code the click leads: to the line that fails, or to the exercise."""
    places = (test["where"] for test in exercise.get("tests", []) if test.get("where") and test["verdict"] != "passed")
    file, _, line = next(places, "").partition(":")
    name = str(exercise["name"])
    return code_pages.anchor(name, file, int(line)) if line.isdigit() else name


def _marks(exercise: dict[str, Any]) -> list[str]:
    """What is beside a verdict in the table."""
    words = {"late": "late", "adjusted": "adjusted", "excused": "excused", "due": "not due yet"}
    return [word for key, word in words.items() if key in exercise]
