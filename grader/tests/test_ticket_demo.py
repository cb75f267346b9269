"""The demo of 08: the line protocol over a socket, and the live page in a headless browser.

The program is built from the solution, under AddressSanitizer (and once under ThreadSanitizer), so each
test also says that every thread was joined and everything was freed: exit code 0, nothing on stderr.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from grader.tests import npm

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "exercises" / "08_ticket_server" / "demo"
SERVER = ROOT / "solutions" / "08_ticket_server" / "ticket_server.c"
CHANNEL = ROOT / "solutions" / "04_bounded" / "channel.c"
CC = os.environ.get("CC", "cc")
PATIENCE = 60.0  # seconds: only a hang takes so long
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


def has_microhttpd() -> bool:
    probe = subprocess.run([CC, "-E", "-x", "c", "-"], input=b"#include <microhttpd.h>\n", capture_output=True)
    return probe.returncode == 0


needs_page = pytest.mark.skipif(not has_microhttpd(), reason="libmicrohttpd-dev is not installed")


def build(program: Path, *flags: str, server: Path = SERVER, page: bool = True) -> Path:
    has_page = page and has_microhttpd()
    parts = set(DEMO.glob("*.c")) - {DEMO / ("no_page.c" if has_page else "page.c")}
    sources = [*sorted(parts), server, CHANNEL, ROOT / "grader" / "suite" / "todo.c"]
    command = [CC, "-std=gnu11", "-O1", "-g", "-pthread", "-Wall", "-Wextra", "-Werror", *flags]
    command += ["-iquote", str(DEMO.parent), f"-Wa,-I{DEMO}", "-Wl,--wrap=sender_send,--wrap=receiver_recv"]
    command += ["-o", str(program), *map(str, sources), *(["-lmicrohttpd"] if has_page else [])]
    subprocess.run(command, check=True)
    return program


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("demo") / "tickets", "-fsanitize=address,undefined")


class Demo:
    """A running demo. It is expected to end by itself, or on SIGTERM, with exit code 0."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            ["setarch", "-R", str(program), *(arguments or ("0", "0"))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.hello = [self.process.stdout.readline(), self.process.stdout.readline()]
        port = re.search(r"port (\d+)\.", self.hello[0])
        assert port, self.hello
        self.port = int(port[1])
        page = re.search(r"http://127\.0\.0\.1:(\d+)/", self.hello[1])
        self.page = int(page[1]) if page else None

    def ended(self) -> str:
        """Waits for the end; what the program said last."""
        out, err = self.process.communicate(timeout=PATIENCE)
        assert err == ""
        assert self.process.returncode == 0
        return out

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def post(self, path: str, **headers: str) -> int:
        assert self.page is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.page, timeout=PATIENCE)
        connection.request("POST", path, headers=headers)
        return connection.getresponse().status

    def pictures(self) -> Iterator[dict[str, Any]]:
        assert self.page is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.page, timeout=PATIENCE)
        connection.request("GET", "/events")
        response = connection.getresponse()
        assert response.getheader("Content-Type") == "text/event-stream"
        end = time.monotonic() + PATIENCE
        for line in response:
            assert time.monotonic() < end, "the picture that was waited for never came"
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


@pytest.fixture
def demo(program: Path) -> Iterator[Demo]:
    with running(program) as demo:
        yield demo


@contextmanager
def running(program: Path, *arguments: str) -> Iterator[Demo]:
    demo = Demo(program, *arguments)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.communicate()


class Person:
    """Somebody with nc."""

    def __init__(self, demo: Demo) -> None:
        self.socket = socket.create_connection(("127.0.0.1", demo.port), timeout=PATIENCE)
        self.lines = self.socket.makefile("rb")
        assert self.read() == "Tickets. Type help, or quit."

    def read(self) -> str:
        return self.lines.readline().decode("utf-8", "replace").rstrip("\n")

    def say(self, line: str) -> str:
        self.socket.sendall(line.encode() + b"\n")
        return self.read()

    def leave(self) -> None:
        self.lines.close()
        self.socket.close()


# ------------------------------------------------------------------------------ the line protocol


def test_a_person_adds_looks_moves_and_counts(demo: Demo) -> None:
    me = Person(demo)
    assert me.say("add wake up | and make coffee") == "added 1"
    assert me.say("ADD  two words  |  and more | bars  ") == "added 2"
    assert me.say("get 1") == "1 todo wake up | and make coffee"
    assert me.say("get 2") == "2 todo two words | and more | bars"
    assert me.say("status 1 in_progress") == "1 is in_progress"
    assert me.say("get 1") == "1 in_progress wake up | and make coffee"
    assert me.say("count todo") == "1 todo"
    assert me.say("count done") == "0 done"
    assert me.say("quit") == "bye"
    assert me.read() == ""
    assert demo.stop() == "The server has ended.\n"


def test_make_talk_does_without_nc(demo: Demo) -> None:
    command = [sys.executable, "-m", "grader", "talk", "--port", str(demo.port)]
    for typed, code, said in (
        ("add a | b\nstatus 1 done\n", 0, "added 1"),
        ("shutdown\n", 0, ""),
        ("help\n", 2, "Nobody listens"),
    ):
        ended = subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, timeout=PATIENCE)
        assert (ended.returncode, said in ended.stdout + ended.stderr) == (code, True), ended
        if typed == "shutdown\n":
            demo.ended()


def test_help_lists_every_command(demo: Demo) -> None:
    me = Person(demo)
    me.socket.sendall(b"help\n\n  \nquit\n")
    said = [line.split()[0].decode() for line in me.lines]
    assert said == ["add", "get", "status", "count", "shutdown", "help", "quit", "bye"]
    demo.stop()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("get 7", "error: no ticket has that id"),
        ("status 7 done", "error: no ticket has that id"),
        ("get seven", "error: an id is a number"),
        ("get -1", "error: an id is a number"),
        ("get 99999999999999999999", "error: an id is a number"),
        ("get", "error: an id is a number"),
        ("status 1 finished", "error: a status is todo, in_progress or done"),
        ("count", "error: a status is todo, in_progress or done"),
        ("add no description", "error: add what? add TITLE | DESCRIPTION"),
        ("add | x", "error: a title has 1 to 50 bytes, a description 1 to 500"),
        ("add x |", "error: a title has 1 to 50 bytes, a description 1 to 500"),
        ("add " + "x" * 51 + " | y", "error: a title has 1 to 50 bytes, a description 1 to 500"),
        ("add x | " + "y" * 501, "error: a title has 1 to 50 bytes, a description 1 to 500"),
        ("delete 1", 'error: there is no command "delete"; try help'),
        ("x\x1b[31m", 'error: there is no command "x?[31m"; try help'),
        ("get \x00 1", "error: a line of text has no zero bytes"),
        ("y" * 5000, "error: a line has at most 1022 bytes"),
    ],
)
def test_errors_are_in_words(demo: Demo, line: str, answer: str) -> None:
    me = Person(demo)
    assert me.say(line) == answer
    assert me.say("add still | here") == "added 1"
    me.leave()
    demo.stop()


def test_the_longest_ticket_fits(demo: Demo) -> None:
    me = Person(demo)
    assert me.say("add " + "t" * 50 + "|" + "d" * 500) == "added 1"
    assert me.say("get 1") == "1 todo " + "t" * 50 + " | " + "d" * 500
    me.leave()
    demo.stop()


def test_a_line_arrives_byte_by_byte_or_many_at_once(demo: Demo) -> None:
    me = Person(demo)
    for byte in b"add a | b":
        me.socket.sendall(bytes([byte]))
    assert me.say("") == "added 1"
    me.socket.sendall(b"get 1\r\n" * 200)
    assert [me.read() for _ in range(200)] == ["1 todo a | b"] * 200
    me.leave()
    demo.stop()


def test_who_has_said_all_still_gets_the_answers(demo: Demo) -> None:
    me = Person(demo)
    me.socket.sendall(b"add a | b\ncount todo")  # the last line has no newline
    me.socket.shutdown(socket.SHUT_WR)
    assert [me.read(), me.read(), me.read()] == ["added 1", "1 todo", ""]
    demo.stop()


def test_whoever_breaks_off_costs_nobody_else(demo: Demo) -> None:
    for garbage in [b"", b"add x", os.urandom(3000), b"\n" * 3000, b"get 1\n" * 500]:
        rude = socket.create_connection(("127.0.0.1", demo.port), timeout=PATIENCE)
        rude.sendall(garbage)
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        rude.close()  # with a reset
    me = Person(demo)
    assert me.say("add a | b") == "added 1"
    me.leave()
    demo.stop()


def in_threads(n: int, body: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            body(i)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def crowd(demo: Demo, people: int, tickets: int) -> None:
    ids: list[int] = []

    def one(i: int) -> None:
        me = Person(demo)
        for k in range(tickets):
            word, number = me.say(f"add {i} {k} | of {i}").split()
            assert word == "added"
            ids.append(int(number))
            assert me.say(f"get {number}") == f"{number} todo {i} {k} | of {i}"
            assert me.say(f"status {number} done") == f"{number} is done"
        me.leave()

    in_threads(people, one)
    assert sorted(ids) == list(range(1, people * tickets + 1))


def test_many_people_at_once(demo: Demo) -> None:
    crowd(demo, people=40, tickets=10)
    demo.stop()


@pytest.fixture(scope="module")
def program_under_tsan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("demo") / "tickets", "-fsanitize=thread")


def test_no_data_race_with_many_people_and_a_load(program_under_tsan: Path) -> None:
    with running(program_under_tsan, "0", "0", "1") as demo:
        if demo.page is not None:
            assert demo.post("/slow?ms=1") == 200
            assert demo.post("/load?clients=5") == 200
            next(demo.pictures())
            demo.post("/slow?ms=0")
        else:
            crowd(demo, people=20, tickets=5)
        me = Person(demo)
        me.say("add a | b")
        me.leave()
        demo.stop()


# ------------------------------------------------------------------------------------ the end


def test_shutdown_ends_the_program_and_everybody_is_told(demo: Demo) -> None:
    me, other = Person(demo), Person(demo)
    assert me.say("shutdown") == "the server is shut down"
    assert other.read() == "the server has ended"
    assert other.read() == ""
    assert demo.ended() == "The server has ended.\n"


def test_a_shutdown_among_many_people(demo: Demo) -> None:
    gone = {"error: the server has been shut down", "the server has ended", ""}
    people = [Person(demo) for _ in range(30)]

    def one(i: int) -> None:
        me = people[i]
        try:
            if i == 15:
                assert me.say("shutdown") == "the server is shut down"
            while (answer := me.say("add a | b")) not in gone:
                assert answer.startswith("added ")
        except ConnectionError:
            pass  # the connection was closed in between

    in_threads(30, one)
    demo.ended()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program(demo: Demo, number: signal.Signals) -> None:
    idle, gone = Person(demo), Person(demo)
    gone.leave()
    demo.process.send_signal(number)
    assert idle.read() == "the server has ended"
    assert demo.ended() == "The server has ended.\n"


def test_who_does_not_read_does_not_hold_up_the_end(demo: Demo) -> None:
    deaf = Person(demo)
    deaf.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        while True:
            deaf.socket.sendall(b"help\n" * 1000)
    demo.stop()


# ------------------------------------------------------------------------------ how it is started


def test_a_port_in_use_is_said(demo: Demo, program: Path) -> None:
    second = subprocess.run([program, str(demo.port), "0"], capture_output=True, text=True)
    assert second.returncode == 1
    assert second.stderr == f"Port {demo.port} of 127.0.0.1: Address already in use\n"
    demo.stop()


@pytest.mark.parametrize("arguments", [["x"], ["70000"], ["0", "-1"], [""]])
def test_a_bad_argument_is_a_usage_error(program: Path, arguments: list[str]) -> None:
    run = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.startswith("usage: ")


def test_the_stub_says_that_it_is_not_implemented(tmp_path: Path) -> None:
    stub = ROOT / "grader" / "stubs" / "08_ticket_server" / "ticket_server.c"
    if not stub.exists():
        stub = DEMO / "ticket_server.c"
    program = build(tmp_path / "stub", server=stub, page=False)
    run = subprocess.run([program, "0", "0"], capture_output=True, text=True, timeout=PATIENCE)
    assert (run.returncode, run.stderr) == (
        1,
        "not implemented yet: ticket_server_start (make grade says what is next)\n",
    )


def test_without_the_library_there_is_the_line_protocol(tmp_path: Path) -> None:
    with running(build(tmp_path / "tickets", page=False)) as demo:
        assert demo.hello[1].startswith("No live page: it needs libmicrohttpd")
        assert Person(demo).say("add a | b") == "added 1"
        demo.stop()


# ---------------------------------------------------------------------------------- the live page


@needs_page
def test_pictures_show_what_happens(demo: Demo) -> None:
    me = Person(demo)
    me.say('add say "hi" | there')
    me.say("status 1 in_progress")
    picture = next(demo.pictures())
    assert picture["capacity"] == 4
    assert picture["counts"] == [0, 1, 0]
    assert picture["tickets"] == [{"id": 1, "status": 1, "title": 'say "hi"'}]
    assert {"line", "main"} <= {client["kind"] for client in picture["clients"]}
    assert not picture["over"]
    demo.stop()


@needs_page
def test_backpressure_and_shutdown_are_seen(program: Path) -> None:
    with running(program, "0", "0", "3") as demo:
        demo.post("/slow?ms=20")
        demo.post("/load?clients=12")
        pictures = demo.pictures()
        next(p for p in pictures if sum(c["kind"] == "load" for c in p["clients"]) == 12)
        next(p for p in pictures if p["queued"] == 3 and p["sending"] >= 2)
        next(p for p in pictures if p["counts"][2] > 0)
        stopper = threading.Thread(target=demo.post, args=("/shutdown",))
        stopper.start()
        last = list(pictures)[-1]
        assert last["over"]
        assert last["refused"] > 0
        stopper.join()
        demo.ended()


@needs_page
def test_it_is_slow_from_the_first_look_on_unless_told_otherwise(program: Path) -> None:
    with running(program) as demo:
        assert next(demo.pictures())["slow"] == 50
        demo.post("/slow?ms=0")
        assert next(demo.pictures())["slow"] == 0
        demo.stop()
    with running(program) as demo:
        demo.post("/slow?ms=5")
        assert next(demo.pictures())["slow"] == 5
        demo.stop()


@needs_page
def test_the_load_goes_on_until_it_is_stopped(demo: Demo) -> None:
    demo.post("/slow?ms=0")
    demo.post("/load?clients=2")
    pictures = demo.pictures()
    next(p for p in pictures if any(c["kind"] == "load" and c["requests"] > 100 for c in p["clients"]))
    demo.post("/load?clients=0")
    next(p for p in pictures if not any(c["kind"] == "load" for c in p["clients"]))
    demo.post("/load?clients=3")  # and it can be started again
    next(p for p in pictures if sum(c["kind"] == "load" for c in p["clients"]) == 3)
    demo.stop()


@needs_page
def test_a_signal_ends_the_pictures(demo: Demo) -> None:
    pictures = demo.pictures()
    next(pictures)
    demo.process.send_signal(signal.SIGINT)
    assert list(pictures)[-1]["over"]
    demo.ended()


@needs_page
def test_another_site_presses_no_button(demo: Demo) -> None:
    assert demo.post("/shutdown", **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert demo.post("/shutdown", Host="example.com") == 403
    assert Person(demo).say("add a | b") == "added 1"
    demo.stop()


@needs_page
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_page_in_a_browser(program: Path, tmp_path: Path) -> None:
    """Pictures are kept where SCREENSHOTS says, for people to look at."""
    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path))
    script = Path(__file__).parent / "browser" / "live_page.js"
    with running(program, "0", "0", "4") as demo:
        Person(demo).say("add <b>bold</b> | is text")
        command = [
            "node",
            str(script),
            str(npm.package("playwright-core")),
            str(CHROMIUM),
            str(demo.page),
            str(pictures),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        demo.ended()
    seen = json.loads(done.stdout)
    assert seen["errors"] == [] and seen["requests"] == [f"127.0.0.1:{demo.page}"]
    assert seen["slow"] == "50"
    assert (seen["ticket"], seen["running"], seen["disabled"]) == ("1 <b>bold</b>", "running", True)
    assert seen["width"] <= 390  # a telephone need not scroll sideways
