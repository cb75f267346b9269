"""python3 -m bench peers | report | exercise: see bench/__init__.py.

The environment says the rest, as make passes it on: EX=04, SRC=dir, ROUNDS=7, QUICK=1, ONLY=a,b.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench import everything, exercise
from bench.programs import ProgramError


def main(arguments: list[str]) -> int:
    env = os.environ
    quick = env.get("QUICK", "") not in ("", "0")
    only = [key for key in env.get("ONLY", "").split(",") if key]
    match arguments:
        case ["peers"]:
            return everything.measure_all(int(env.get("ROUNDS") or (3 if quick else 7)), quick, only)
        case ["report"]:
            return everything.write_pages()
        case ["exercise"]:
            source = Path(env.get("SRC") or "exercises")
            return exercise.measure(env.get("EX", ""), source, int(env.get("ROUNDS") or 5), quick)
    print("usage: make bench [EX=04] | make bench-peers", file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ProgramError as error:
        print(error, file=sys.stderr)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
