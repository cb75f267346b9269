"""python3 -m bench peers | report | exercise | lines | grader: see bench/__init__.py.

The environment says the rest, as make passes it on: EX=04, SRC=dir, ROUNDS=7, QUICK=1, ONLY=a,b.
"""

from __future__ import annotations

import sys

from bench import cache_lines, everything, exercise, grader
from bench.programs import ProgramError
from grader import streams, typed
from grader.arguments import is_on, number, refuse_unknown
from grader.errors import GraderError
from grader.grading.submission import tree_of
from grader.output import defects
from grader.output.text import tell


def main(arguments: list[str]) -> int:
    streams.prepare()
    refuse_unknown("bench", lambda: {"bench": ["EX", "SRC", "ROUNDS", "QUICK", "ONLY"]})
    given = typed.now()
    quick = is_on(given.word("QUICK"))
    only = [key for key in given.word("ONLY").split(",") if key]
    match arguments:
        case ["peers"]:
            return everything.measure_all(rounds(3 if quick else 7), quick, only)
        case ["report"]:
            return everything.write_pages()
        case ["exercise"]:
            return exercise.measure(given.word("EX"), tree_of(given.word("SRC"), False), rounds(5), quick)
        case ["lines"]:
            return cache_lines.measure_all(rounds(7))
        case ["grader"]:
            return grader.measure_all()
    print("usage: make bench [EX=04] | make bench-peers | make bench-lines | make bench-grader", file=sys.stderr)
    return 2


def rounds(default: int) -> int:
    return max(1, int(number("ROUNDS", typed.now().word("ROUNDS"), default)))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except GraderError as error:
        tell(error)
        sys.exit(error.exit_code)
    except ProgramError as error:
        tell(error)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        tell(defects.describe(error))
        sys.exit(3)
