"""Runs inside gdb: goes through a recorded schedule, a step of the story at a time.

`make replay GDB=1` sets steps_file before this is read: what each step is, told by an earlier run of the same
schedule. The recorder of the controlled scheduler is called at each step, and that is where gdb stops;
then the frame of the student's code is selected.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import gdb

HELP = """
next-step [N]   on to the next step of the schedule; Enter repeats it
all else        is gdb's: bt, print, list, break, finish, ... ; quit leaves
"""

with open(steps_file, encoding="utf-8") as file:  # type: ignore[name-defined]  # noqa: F821
    STORY: dict[str, Any] = json.load(file)
WORDS: dict[int, str] = {int(number): words for number, words in STORY["steps"].items()}


class Recorded(gdb.Breakpoint):  # type: ignore[misc]
    """Stops where a step is noted, once the schedule is run to be told."""

    number = 0

    def stop(self) -> bool:
        if not gdb.parse_and_eval("story && story->out"):
            return False
        self.number = int(gdb.parse_and_eval("story->event_count")) + 1
        return self.number in WORDS


class NextStep(gdb.Command):  # type: ignore[misc]
    """next-step [N]: on to the next step of the schedule."""

    def __init__(self) -> None:
        super().__init__("next-step", gdb.COMMAND_RUNNING)

    def invoke(self, argument: str, from_tty: bool) -> None:
        for _ in range(int(argument or 1)):
            recorded.number = 0
            resume()
            if not is_alive():
                gdb.write(f"The schedule is over. {STORY['end']}\n")
                return
        tell()


def is_alive() -> bool:
    return bool(gdb.selected_inferior().pid)


def resume() -> None:
    """On to the next stop. When one process of the test has ended, with the one that waits for it."""
    gdb.execute("continue" if is_alive() else "run", to_string=True)
    while not is_alive():
        waiting = [inferior for inferior in gdb.inferiors() if inferior.pid]
        if not waiting:
            return
        gdb.execute(f"inferior {waiting[0].num}", to_string=True)
        gdb.execute("continue", to_string=True)


def tell() -> None:
    """The step in words, and the line of the student's code that it is at."""
    if not recorded.number:
        return  # some other breakpoint, which gdb tells of
    frame: gdb.Frame | None = gdb.newest_frame()
    while frame is not None and is_of_kit(frame):
        frame = frame.older()
    gdb.write(f"\nstep {recorded.number} of {max(WORDS)}   {WORDS[recorded.number]}\n")
    if frame is not None:
        frame.select()
        gdb.execute("frame")


def is_of_kit(frame: Any) -> bool:
    table = frame.find_sal().symtab
    return table is None or table.filename.startswith("grader/")


for setting in (
    "confirm off",
    "pagination off",
    "debuginfod enabled off",
    "follow-fork-mode child",
    "detach-on-fork off",  # the waiting process would take a stopped one for one asleep
    "print inferior-events off",
    "print thread-events off",
    "suppress-cli-notifications on",  # that it has gone on to the process that waits
):
    with contextlib.suppress(gdb.error):  # not known to this gdb
        gdb.execute(f"set {setting}", to_string=True)
gdb.execute("handle SIGVTALRM nostop noprint pass", to_string=True)
recorded = Recorded("story_event", internal=True)
recorded.silent = True
NextStep()
gdb.write(HELP)
gdb.execute("next-step")
