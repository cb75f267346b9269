"""`make watch` on a terminal of 80 columns and 24 lines: it grades what is saved, obeys its keys, leaves no trace."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from grader.tests.conftest import ANSWER, STUBS, Kit

CHANNEL_1 = "exercises/01_answer/channel.c"
CHANNEL_2 = "exercises/02_twice/channel.c"
PATIENCE = 120.0  # seconds: only a hang takes so long


class Watching:
    """A `make watch`, and the person before it."""

    def __init__(self, kit: Kit, **more: str) -> None:
        try:
            self._master, self._slave = pty.openpty()
        except OSError:
            pytest.skip("there are no terminals here")
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader", "watch", "--variant", "plain"],
            cwd=kit.root,
            env={k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR")} | {"TERM": "xterm"} | more,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
        )

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def see(self, words: str, then: str = "(?s:.*)(q quit|y/n)") -> str:
        """Waits until the line of keys follows those words; returns what was shown since the last call."""
        text, end = "", time.monotonic() + PATIENCE
        while not re.search(f"{re.escape(words)}{then}", text):
            assert time.monotonic() < end, text
            if select.select([self._master], [], [], 1)[0]:
                text += os.read(self._master, 65536).decode()
        return text

    def ended(self) -> int:
        code = self.process.wait(PATIENCE)
        assert termios.tcgetattr(self._slave) == self.before
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def watching(kit: Kit) -> Iterator[Watching]:
    watch = Watching(kit, NO_COLOR="1", EDITOR="vi")
    yield watch
    watch.close()


def test_what_is_saved_is_graded_and_the_keys_do_what_they_say(kit: Kit, watching: Watching) -> None:
    watching.see("not started")
    kit.write(CHANNEL_1, ANSWER.replace("42", "41"))
    assert "answer returns 42." in watching.see("+3 exercises/01_answer/channel.c")
    watching.press("h")
    watching.see("Think once.")
    watching.press("l")
    watching.see("0 of 3 exercises passed")
    kit.write(CHANNEL_1, ANSWER)
    watching.see("passed")
    watching.press("n")  # the next exercise begins with one's own code
    watching.see("New at its end, and yours to write: twice.")
    assert kit.read(CHANNEL_2).startswith(ANSWER.rstrip())
    watching.press("c")
    watching.see("1 of 3 exercises passed")
    watching.press("x")
    watching.see("Put the stub of 02_twice back?")
    watching.press("n")
    watching.see("Left as it is.")
    watching.press("x")
    watching.see("Put the stub of 02_twice back?")
    watching.press("y")
    watching.see("is the empty exercise again.")
    assert kit.read(CHANNEL_2) == STUBS["02_twice/channel.c"]
    watching.press("q")
    assert watching.ended() == 0


def test_a_save_and_a_key_end_what_is_graded_meanwhile(kit: Kit, watching: Watching) -> None:
    watching.see("not started")
    endless = "static volatile int n;\n" + ANSWER.replace("return 42", "while (!n)\n        ;\n    return 42")
    kit.write(CHANNEL_1, endless)
    watching.see("building", then="")
    kit.write(CHANNEL_1, ANSWER.replace("42", "41"))
    watching.see("answer returns 42.")
    kit.write(CHANNEL_1, endless + "/* again */\n")
    watching.see("building", then="")
    watching.press("q")
    assert watching.ended() == 0


def test_colours_on_a_terminal_that_knows_no_unicode(kit: Kit) -> None:
    watch = Watching(kit, PYTHONIOENCODING="ascii")
    try:
        watch.see("not started")
        kit.write(CHANNEL_1, ANSWER)
        assert "\x1b[32m####################" in watch.see("passed")
    finally:
        watch.close()


def test_a_file_system_that_counts_seconds_hides_no_save(kit: Kit, watching: Watching) -> None:
    watching.see("not started")
    for text, seen in ((ANSWER.replace("42", "41"), "answer returns 42."), (ANSWER, "passed")):
        beside = kit.write("saved", text)
        os.utime(beside, (1e9, 1e9))  # the same time and size as before, as within one second
        beside.rename(kit.root / CHANNEL_1)
        watching.see(seen)


def test_control_c_leaves_the_terminal_as_it_was(watching: Watching) -> None:
    watching.see("not started")
    os.killpg(watching.process.pid, signal.SIGINT)
    assert watching.ended() == 130


def test_so_does_the_end_of_the_session(watching: Watching) -> None:
    watching.see("not started")
    watching.process.terminate()
    assert watching.ended() == 128 + signal.SIGTERM


def test_without_a_terminal_it_says_what_to_do(kit: Kit) -> None:
    ran = kit.run("watch")
    assert (ran.code, ran.err) == (2, "make watch needs a terminal. Without one: make grade\n")
