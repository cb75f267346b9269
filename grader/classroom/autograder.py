"""Autograders of others' making: one submission in, one result out.

`make result` is that. `make gradescope` writes the zip that Gradescope takes: the kit without solutions, and two
scripts. `make handout` puts github.yml into the students' kit, where GitHub Classroom finds it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader import files, kit, typed
from grader.classroom import gradebooks, keys, options, rating, results, settings, workers
from grader.classroom.group import Job, give_up
from grader.classroom.settings import Gradescope, Settings
from grader.errors import EXIT_PASSED, NotWritable, UsageError
from grader.exercises import BUILD, EXERCISES, ROOT

NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)  # is it not due by then: before its deadline, too, all of it counts
PLAIN = Gradescope()
FORMATS = ("gradescope", "github", "junit", "tap", "json", "text")

# What Gradescope runs when it builds the image, and for each submission. The places are Gradescope's. Grading the
# stubs builds the kit's own part, once, and shows that grading works there.
_SETUP = """#!/usr/bin/env bash
cd /autograder/source/kit && sh setup.sh --for class && make result {options}
"""
_RUN = """#!/usr/bin/env bash
make -s -C /autograder/source/kit result SRC=/autograder/submission {options} \\
    FORMAT=gradescope OUT=/autograder/results/results.json \\
    METADATA="$(ls /autograder/submission_metadata.json 2>/dev/null)"
"""


def write_zip(path: Path, exercises: Sequence[str] = (), rules: Path | None = None) -> Path:
    """The autograder's zip: the same bytes for the same kit.

    exercises: those to grade, or none for all; rules: what goes with it as class.toml."""
    path = path if path.is_absolute() else ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    options = f"EX={','.join(exercises)}" if exercises else ""
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, "setup.sh", _SETUP.format(options=options).encode(), executable=True)
        _put(archive, "run_autograder", _RUN.format(options=options).encode(), executable=True)
        for name in kit.for_grading():
            _put(archive, f"kit/{name}", kit.as_given_out(name), os.access(ROOT / name, os.X_OK))
        if (rules or settings.DEFAULT).exists():
            _put(archive, "kit/class.toml", (rules or settings.DEFAULT).read_bytes(), executable=False)
    temporary.replace(path)
    return path


def _put(archive: zipfile.ZipFile, name: str, data: bytes, executable: bool) -> None:
    info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    archive.writestr(info, data)


# ------------------------------------------------------------------------------------ one result


def grade_one(arguments: Mapping[str, str]) -> int:
    """Grades the tree SRC as a class of one, and writes the result as FORMAT to OUT or to stdout.

    Exit code 0 whatever the result: what comes of it is for the service to say."""
    form = arguments.get("format") or "text"
    if form not in FORMATS:
        raise UsageError(f"FORMAT={form}: there is none. Choose one of: {' '.join(FORMATS)}")
    student = _grade(arguments)
    text = as_text(student, form, settings.load(_rules(arguments)).gradescope)
    if form == "github" and typed.now().word("GITHUB_OUTPUT"):
        text = _to_github(student)
    if arguments.get("out"):
        files.write_atomically(ROOT / arguments["out"], text)
    else:
        sys.stdout.write(text)
    return EXIT_PASSED


def _rules(arguments: Mapping[str, str]) -> Path | None:
    return Path(arguments["class"]).expanduser() if arguments.get("class") else None


@dataclass(frozen=True)
class Metadata:
    """What Gradescope tells of a submission in submission_metadata.json: whose it is, when it came, when it was due."""

    students: tuple[str, ...] = ("submission",)  # more than one: a group's
    submitted: dt.datetime | None = None
    due: dt.datetime | None = None

    @property
    def student(self) -> str:
        return self.students[0]

    @classmethod
    def read(cls, name: str) -> Metadata:
        if not name:
            return cls()
        path = ROOT / name
        try:
            data = json.loads(path.read_bytes())
            users = data.get("users") or [{}]
            due = (users[0].get("assignment") or {}).get("due_date") or data["assignment"]["due_date"]
            students = tuple(user.get("name") or "submission" for user in users)
            return cls(students, dt.datetime.fromisoformat(data["created_at"]), due and dt.datetime.fromisoformat(due))
        except OSError as error:
            raise UsageError(f"METADATA={name} can't be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise UsageError(f"METADATA={name} is not as Gradescope writes it: {error}.") from error

    def applied_to(self, rules: Settings, exercises: Sequence[str]) -> Settings:
        """The rules with Gradescope's deadline, where class.toml has none; with none, if lateness is left to it.

        Gradescope has one result for a group: what is said of any of its members is said of it."""
        rules = rules.of_a_group(self.students)
        if rules.gradescope.lateness == "gradescope":
            return replace(rules, deadlines={}, extensions={})
        return replace(rules, deadlines={**(dict.fromkeys(exercises, self.due) if self.due else {}), **rules.deadlines})


def _grade(arguments: Mapping[str, str]) -> dict[str, Any]:
    source = Path(arguments.get("src") or EXERCISES)
    source = source if source.is_absolute() else ROOT / source
    if not source.exists():
        raise UsageError(f"SRC={source}: there is no such directory.")
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        given = {**arguments, "submissions": directory, "out": str(Path(directory) / "out")}
        given["unsafe"] = given.get("unsafe") or "1"  # a machine of its own is what such services give
        group = options.from_arguments(given)
        group.results.mkdir(parents=True)
        job = Job("submission", source, keys.submission_key(source, keys.kit_key(group)))
        workers.prepare(group)
        if not workers.run_job(group, job):
            workers.run_job(group, job)
        give_up(group, job)
        result = json.loads(group.result_file("submission").read_bytes())
        told = Metadata.read(arguments.get("metadata", ""))
        rules = told.applied_to(group.settings, [exercise.name for exercise in group.exercises])
        return rating.Scores(rules, group.exercises, now=NEVER).rate(
            {**result, "student": told.student}, told.submitted
        )


def as_text(student: dict[str, Any], form: str, rules: Gradescope = PLAIN) -> str:
    exercises = student["exercises"]
    if form == "gradescope":
        points = student["points"]
        results_json = gradebooks.gradescope(exercises, points, student["seconds"], rules.visibility, rules.numbers)
        return json.dumps(results_json, indent=1) + "\n"
    if form == "github":
        return json.dumps(gradebooks.github_classroom(exercises), indent=1) + "\n"
    if form == "junit":
        return gradebooks.junit(exercises)
    if form == "tap":
        return gradebooks.tap(exercises)
    return json.dumps(student, indent=1) + "\n" if form == "json" else results.report(student) + "\n"


def _to_github(student: dict[str, Any]) -> str:
    """The step's output for Classroom's reporter, and its summary. Returns the report, for the step's log."""
    report = results.report(student)
    line = gradebooks.github_classroom_output(student["exercises"])
    for variable, text in (("GITHUB_OUTPUT", line), ("GITHUB_STEP_SUMMARY", gradebooks.markdown(report))):
        if path := typed.now().word(variable):
            try:
                with open(path, "a", encoding="utf-8") as file:
                    file.write(text + "\n")
            except OSError as error:
                raise NotWritable(files.cannot_write(Path(path), error)) from error
    return report + "\n"
