"""What a result depends on, as a hash: a submission is graded again when that has changed, and only then."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from grader.classroom import intake
from grader.classroom.group import Class
from grader.grading import build

_HERE = Path(__file__).parent


def kit_key(group: Class) -> str:
    """A hash of all a result depends on, besides the submission."""
    digest = hashlib.sha256()
    for variant in group.variants:
        for exercise in group.exercises:
            for suite in exercise.chain():
                digest.update(build.kit_digest(suite.name, variant).encode())
    digest.update(json.dumps([group.sandbox, group.flat, group.variants, [e.name for e in group.exercises]]).encode())
    for module in sorted([*_HERE.glob("*.py"), *(_HERE.parent / "grading").glob("*.py")]):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def submission_key(path: Path, kit: str) -> str:
    """Another one whenever the submission, or anything its result depends on, has changed."""
    digest = hashlib.sha256(kit.encode())
    for name, size, changed in sorted(_files_of(path)):
        digest.update(f"{name}\0{size}\0{changed}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def _files_of(path: Path) -> Iterator[tuple[str, int, int]]:
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            status = path.lstat()
            yield path.name, status.st_size, status.st_mtime_ns
            return
    count = 0
    for parent, _, names in os.walk(path):
        for name in names:
            count += 1
            if count > intake.MAX_ENTRIES:
                return
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(parent, name))
                yield os.path.join(os.path.relpath(parent, path), name), status.st_size, status.st_mtime_ns
