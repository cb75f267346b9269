"""`python3 -m grader.classroom COMMAND NAME=value ...`: for autograders, which have no make."""

import sys

from grader.classroom import autograder, commands
from grader.errors import GraderError, UsageError


def main(words: list[str]) -> int:
    known = {"class": commands.make_class, "gradescope": commands.gradescope, "one": autograder.grade_one}
    if not words or words[0] not in known:
        raise UsageError(f"usage: python3 -m grader.classroom {' | '.join(known)} [NAME=value ...]")
    arguments = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    return known[words[0]]({name.lower(): value for name, value in arguments.items()})


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except GraderError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
