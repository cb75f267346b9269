"""compile_commands.json, for clangd: how each source file of the kit is compiled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grader import files
from grader.exercises import ROOT, all_exercises, shown
from grader.grading import build

_FLAGS = ["-std=gnu11", "-pthread", "-Wall", "-Wextra"]


def write() -> Path:
    """Writes the file into the kit's directory, where clangd looks for it."""
    entries = [entry(path) for folder in ("exercises", "solutions", "grader") for path in _sources(folder)]
    target = ROOT / "compile_commands.json"
    files.write_atomically(target, json.dumps(entries, indent=1) + "\n")
    return target


def _sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.c"))


def entry(path: Path) -> dict[str, Any]:
    name = shown(path)
    extra = [flag for e in all_exercises() if e.name in path.parts for flag in e.header_flags()]
    if path.name.startswith("test_"):
        extra.append("-Igrader/suite")
    elif name.startswith(("grader/suite", "grader/interleave")):
        extra += ["-D_GNU_SOURCE", "-Igrader/suite"]
    arguments = [*build.compiler_command(), *_FLAGS, *extra, "-c", name]
    return {"directory": str(ROOT), "file": name, "arguments": arguments}
