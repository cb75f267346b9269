"""compile_commands.json, for clangd: how each source file of the kit is compiled."""

from __future__ import annotations

import json
from pathlib import Path

from grader import files
from grader.exercises import ROOT, shown
from grader.grading import build

_FLAGS = ["-std=gnu11", "-pthread", "-Wall", "-Wextra"]
_KIT = ["-D_GNU_SOURCE", "-Igrader/suite"]


def write() -> Path:
    """Writes the file into the kit's directory, where clangd looks for it."""
    entries = [_entry(path) for folder in ("exercises", "solutions", "grader") for path in _sources(folder)]
    target = ROOT / "compile_commands.json"
    files.write_atomically(target, json.dumps(entries, indent=1) + "\n")
    return target


def _sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.c"))


def _entry(path: Path) -> dict[str, object]:
    name = shown(path)
    exercise = next((part for part in path.parts if (ROOT / "exercises" / part).is_dir()), None)
    extra = ["-iquote", f"exercises/{exercise}"] if exercise else []
    if path.name.startswith("test_") or name.startswith("grader/suite") or name.startswith("grader/interleave"):
        extra += _KIT
    arguments = [build.compiler(), *_FLAGS, *extra, "-c", name]
    return {"directory": str(ROOT), "file": name, "arguments": arguments}
