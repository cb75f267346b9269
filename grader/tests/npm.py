"""Packages of npm that some tests look at our output with; where they can't be had, those tests are skipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from grader.exercises import BUILD


def package(name: str, version: str = "latest") -> Path:
    """The package's directory, in build/npm."""
    if not all(map(shutil.which, ("node", "npm"))):
        pytest.skip("node or npm is not installed")
    home = BUILD / "npm" / f"{name}@{version}"
    directory = home / "node_modules" / name
    if not directory.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", f"{name}@{version}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0 or not directory.is_dir():
            pytest.skip(f"{name} can't be had by npm")
    return directory
