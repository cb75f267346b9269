"""The story of a schedule, as text and as a page."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from grader.commands import replay
from grader.exercises import ROOT, by_name, drawn
from grader.grading import outcome, suites, symbolize
from grader.grading import story as words
from grader.grading.grade import Graded
from grader.grading.story import Story
from grader.grading.submission import Code, Source, Submission
from grader.output import failure, story, story_page

SOURCE = b"""pthread_mutex_init(&ch->lock, NULL);
pthread_cond_init(&ch->readable, NULL);
pthread_mutex_lock(&ch->lock);
pthread_cond_wait(&ch->readable, &ch->lock);
sender_drop(tx);
"""

PLACES = {f"0x{line}": ("receiver_recv", "channel.c", line) for line in range(1, 6)} | {
    "0x9": ("thread_entry", "grader/interleave/thread.c", 92)
}


def event(n: int, thread: int, line: int, op: str, text: str) -> dict[str, Any]:
    return {"n": n, "thread": thread, "pc": f"0x{line}", "stack": [], "op": op, "text": text, "switch": False}


def asleep(call: str, on: int = 0, **facts: Any) -> dict[str, Any]:
    """What an entry of "ends" says of a thread that sleeps, as grader/interleave/story.h has it."""
    rest = {"holder": -1, "mutex": 0, "joins": -1, "timed": False, "signaller": -1, "signalled": 0, "missing": 0}
    return {"call": call, "since": 4, "object": on, **rest, **facts}


DEADLOCK: dict[str, Any] = {
    "verdict": "deadlock",
    "seed": "x-1",
    "omitted": 0,
    "places": PLACES,
    "threads": [{"id": 0, "name": "the test", "start": "0x0"}, {"id": 1, "name": "drops", "start": "0x0"}],
    "objects": [{"id": 1, "kind": "mutex", "pc": "0x1"}, {"id": 2, "kind": "cond", "pc": "0x2"}],
    "events": [
        event(1, 0, 1, "mutex_init", "initialises {1}"),
        event(2, 0, 2, "cond_init", "initialises {2}"),
        event(3, 0, 3, "mutex_lock", "locks {1}"),
        event(4, 0, 4, "cond_wait", "unlocks {1} and sleeps on {2}"),
        event(5, 1, 5, "free", "frees 8 bytes"),
        event(6, 1, 4, "fails", "Everybody sleeps"),
    ],
    "accesses": [],
    "ends": [
        {"thread": 0, "state": "asleep", "pc": "0x4", "stack": ["0x4", "0x9"], **asleep("cond_wait", 2, mutex=1)},
        {"thread": 1, "state": "ended", "pc": "0x0", "stack": []},
    ],
}


def code() -> Code:
    return Code("02_blocking", (Source("02_blocking", "channel.c", SOURCE, Path("channel.c")),))


def told(data: dict[str, Any], width: int = 80, rows: int | None = None) -> str:
    lines = story.as_lines(data, code(), width, rows=rows)
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def test_a_deadlock_is_told_from_its_first_step_to_who_waits() -> None:
    assert (
        told(DEADLOCK)
        == """\
  (2 steps before these: make replay)
                  the test                       drops
                  ─────────────────────────────  ─────────────────────────────
  3  channel.c:3  locks ch->lock
                    pthread_mutex_lock(&ch->lock);
  4  channel.c:4  unlocks ch->lock and sleeps
                  on ch->readable
                    pthread_cond_wait(&ch->readable, &ch->lock);
  5  channel.c:5                                 frees 8 bytes
                                                   sender_drop(tx);

At the end:
  the test sleeps in cond_wait on ch->readable, its mutex is ch->lock
    what would have woken it: a signal or broadcast on ch->readable; there was
      none
    channel.c:4  receiver_recv:  pthread_cond_wait(&ch->readable, &ch->lock);
  drops has ended"""
    )


def signalled(at: int, since: int) -> dict[str, Any]:
    """A deadlock after many steps: the last signal was the step at, the sleeper has slept since that step."""
    data = copy.deepcopy(DEADLOCK)
    texts = {at: (1, 5, "cond_signal", "signals {2}"), since: (0, 4, "cond_wait", "unlocks {1} and sleeps on {2}")}
    others = {n: (1, 3, "mutex_lock", f"is at {n}") for n in range(3, 41)}
    data["events"][2:] = [event(n, *(texts.get(n) or others[n])) for n in range(3, 41)]
    data["ends"][0] |= {"signaller": 1, "signalled": at, "since": since}
    return data


def numbers(data: dict[str, Any], rows: int | None = None) -> str:
    """What stands in the first column of the table."""
    table = told(data, rows=rows).partition("At the end:")[0]
    return " ".join(re.findall(r"^ {2,3}(\(?\d+|…)(?: |$)", table, re.MULTILINE))


def test_a_step_that_is_cited_is_shown_above_the_last_ones() -> None:
    assert "at step 12" in " ".join(told(signalled(12, 7)).split())
    last = " ".join(map(str, range(27, 41)))
    assert numbers(signalled(12, 7)) == f"(11 12 … {last}"
    assert numbers(signalled(12, 13)) == f"(11 12 13 … {last}"  # it was too early: it slept only then
    assert numbers(signalled(26, 7)) == f"(25 26 {last}"
    assert numbers(signalled(30, 7)) == f"(26 {last}"
    assert numbers(signalled(12, 7), rows=17) == "(11 12 … 39 40"
    assert numbers(signalled(12, 7), rows=12) == "(39 40"  # there is room for one step


def test_a_step_that_is_cited_is_shown_where_more_threads_than_columns_are_told_in_one() -> None:
    data = signalled(12, 7)
    data["threads"] += [{"id": i, "name": f"number_{i}", "start": "0x0"} for i in range(2, 7)]
    data["events"][-6:-1] = [event(38 - i, i, 5, "free", "frees it") for i in range(6, 1, -1)]
    assert "12  channel.c:5  drops signals ch->readable\n   …\n" in told(data)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal_or_100_columns(width: int) -> None:
    data = copy.deepcopy(DEADLOCK)
    data["threads"][1]["name"] = "a_function_with_a_name_that_hardly_fits_into_any_column_of_a_terminal"
    data["events"][4]["text"] = "frees a block of many bytes " * 10
    data["accesses"] = [{"role": "write", "thread": 1, "pc": "0x4", "stack": ["0x4"], "text": "writes " * 40}]
    assert max(map(len, told(data, width).splitlines())) <= min(width, 100)


def test_a_loop_is_told_once() -> None:
    data = copy.deepcopy(DEADLOCK)
    data["events"][3:3] = [event(4 + i, 0, 3 + i % 2, "atomic_load", f"reads {i % 2}") for i in range(1000)]
    text = told(data)
    assert "and the same again, 499 times" in text
    assert text.count("reads 0") == 1


def test_objects_with_one_name_are_numbered_and_unnamed_ones_called_by_their_kind() -> None:
    data = copy.deepcopy(DEADLOCK)
    data["objects"] += [
        {"id": 3, "kind": "mutex", "pc": "0x3"},
        {"id": 4, "kind": "mutex", "pc": "0x4"},
        {"id": 5, "kind": "semaphore", "pc": "0x5"},
    ]
    names = Story(data, code()).objects
    assert names == {
        "1": "ch->lock #1",
        "2": "ch->readable",
        "3": "ch->lock #2",
        "4": "ch->lock #3",
        "5": "the semaphore",
    }


def test_frames_of_the_kit_are_not_shown() -> None:
    data = copy.deepcopy(DEADLOCK)
    data["accesses"] = [{"role": "read", "thread": 0, "pc": "0x4", "stack": ["0x4", "0x9"], "text": "reads"}]
    assert "thread.c" not in told(data) and "thread_entry" not in told(data)


def test_the_last_step_says_what_is_wrong_with_it() -> None:
    data = copy.deepcopy(DEADLOCK) | {"verdict": "race"}
    data["accesses"] = [{"role": "read", "thread": 1, "pc": "0x4", "stack": ["0x4"], "text": "reads 4 bytes"}]
    assert "reads 4 bytes: fails here" in " ".join(told(data).split())


def test_a_name_that_is_too_long_is_seen_to_be_cut() -> None:
    data = copy.deepcopy(DEADLOCK) | {"verdict": "race", "places": PLACES | {"0x8": ("n" * 90, "channel.c", 4)}}
    data["accesses"] = [{"role": "read", "thread": 1, "pc": "0x8", "stack": ["0x8"], "text": "reads 4 bytes"}]
    assert any(line.endswith("nnn…") and len(line) < 80 for line in told(data).splitlines())


def test_what_had_happened_before_is_not_told_as_what_failed() -> None:
    data = copy.deepcopy(DEADLOCK) | {"verdict": "crashed"}
    data["accesses"] = [{"role": "stopped", "thread": 1, "pc": "0x4", "stack": ["0x4"], "text": "got no memory"}]
    words = " ".join(told(data).split())
    assert "drops got no memory" in words and "memory: fails here" not in words


def test_a_sentence_that_is_the_message_is_not_told_again(tmp_path: Path) -> None:
    data = copy.deepcopy(DEADLOCK) | {"verdict": "crashed"}
    data["accesses"] = [{"role": "first", "thread": 0, "pc": "0x4", "stack": ["0x4"], "text": "the test is ended."}]
    assert "the test was here" in told(data) and "is ended" not in told(data)
    result = outcome.TestResult("02_blocking", "name", "interleave", "crashed", story=data)
    page = tmp_path / "story.html"
    story_page.write(page, result, code())
    assert "<li>the test was here" in page.read_text()


def test_more_threads_than_columns_are_told_in_one() -> None:
    data = copy.deepcopy(DEADLOCK)
    data["threads"] += [{"id": i, "name": f"number_{i}", "start": "0x0"} for i in range(2, 7)]
    data["events"][3:3] = [event(4, i, 3, "mutex_lock", "locks {1}") for i in range(2, 7)]
    assert "channel.c:3  number_6 locks ch->lock" in told(data)


def explained(data: dict[str, Any], message: str, verdict: str = "deadlock") -> str:
    data = data | {"verdict": verdict}
    result = outcome.TestResult("02_blocking", "name", "interleave", verdict, message, story=data)
    return symbolize._explanation(result, Story(data, code()), code(), "")


def test_who_sleeps_alone_or_in_a_try_was_not_to_sleep() -> None:
    nobody = "Everybody sleeps and nobody is left to wake anyone."
    assert explained(DEADLOCK, nobody) == ""
    alone = copy.deepcopy(DEADLOCK)
    del alone["threads"][1], alone["events"][4:], alone["ends"][1]
    assert explained(alone, nobody).endswith(": receiver_recv has to return here without sleeping.")
    unknown = alone | {"places": {**PLACES, "0x4": ("take", "channel.c", 4)}}
    assert explained(unknown, nobody).endswith(": it has to return here without sleeping.")
    alone["ends"][0]["holder"] = 0  # a lock
    assert "without sleeping" not in explained(alone, nobody)
    a_try = copy.deepcopy(DEADLOCK)
    a_try["places"] = {**PLACES, "0x4": ("receiver_try_recv", "channel.c", 4)}
    assert explained(a_try, nobody).startswith("receiver_try_recv waits for nobody")
    a_try["ends"][0]["state"] = "spinning"
    assert explained(a_try, "It looks again and again.", "no_progress").startswith("receiver_try_recv waits for nobody")


def test_what_is_said_of_signals_and_time_is_what_the_story_says() -> None:
    timed = "Everybody sleeps, and only time would wake anyone: it sleeps in pthread_cond_timedwait."
    data = copy.deepcopy(DEADLOCK)
    assert explained(data, timed).startswith("Nobody signals")
    data["ends"][0] |= {"signaller": 1, "signalled": 5}
    assert explained(data, timed) == ""  # the signal came before it slept
    data["events"].insert(5, event(6, 0, 4, "wakes", "wakes, and locks {1}"))
    assert explained(data, timed).startswith("It was woken, looked again and slept on")

    spins = "It looks again and again at something nobody is going to change."
    data = copy.deepcopy(DEADLOCK)
    data["ends"][0]["state"] = "spinning"
    data["events"][-1]["thread"] = 0
    assert explained(data, spins, "no_progress").startswith("Waiting is sleeping")
    data["events"].insert(5, event(6, 0, 4, "timeout", "wakes: its deadline has passed, and locks {1}"))
    assert "when time is up" in explained(data, spins, "no_progress")


def too_early(got: str, call: str, events: list[dict[str, Any]], source: bytes = b"") -> str:
    """What is said of a call from which the test has come back too early; a call, receiver_recv, has the events."""
    suite = "exercises/02_blocking/test_channel.c"
    places = {**PLACES, "0x7": ("sender_drop", "channel.c", 5), "0x8": ("a_test", suite, 9)}
    stacks = [{**one, "stack": [one["pc"], "0x8"]} for one in events]
    data = DEADLOCK | {"verdict": "failed", "places": places, "ends": []}
    data["events"] = [*stacks, event(9, 0, 0, "fails", "") | {"stack": ["0x8"]}]
    result = outcome.TestResult("02_blocking", "name", "interleave", "failed", call=call, got=got)
    sources = (*code().sources, Source("02_blocking", "more.c", source, Path("more.c")))
    return symbolize._too_early(result, Story(data, code()), Code("02_blocking", sources))


def test_why_a_call_gave_up_before_its_deadline_is_told() -> None:
    early, recv = "CHANNEL_TIMEOUT before its deadline", "receiver_recv(rx, &got)"
    sleeps = event(1, 0, 4, "cond_wait", "unlocks {1} and sleeps on {2}")
    unlocks = event(4, 0, 3, "mutex_unlock", "unlocks {1}")

    def woken(op: str) -> list[dict[str, Any]]:
        return [sleeps, event(2, 1, 5, "cond_signal", "signals {2}"), event(3, 0, 4, op, "wakes"), unlocks]

    assert too_early(early, recv, [unlocks]) == "receiver_recv has not slept."
    elsewhere = [sleeps, event(2, 0, 8, "join", "sees that {t1} has ended"), unlocks]
    assert too_early(early, recv, elsewhere) == "receiver_recv has not slept."
    looks = b"clock_gettime(CLOCK_REALTIME, &t);"
    assert too_early(early, recv, [unlocks], looks).endswith("slept. By which clock does it look at the time?")
    assert too_early(early, recv, [unlocks], b"/* time(2) */") == "receiver_recv has not slept."
    assert too_early(early, recv, woken("spurious")).startswith("It was woken without cause")
    assert too_early(early, recv, woken("wakes")).startswith("It was woken by another thread")
    assert too_early(early, recv, woken("timeout")) == ""  # by which clock?
    assert too_early(early, "call.status", [unlocks]) == ""  # another thread's call
    assert too_early("CHANNEL_TIMEOUT", recv, [unlocks]) == ""


def test_that_nobody_has_gone_is_told_of_a_channel_that_is_closed() -> None:
    closed, unlocks = "CHANNEL_CLOSED", event(1, 1, 3, "mutex_unlock", "unlocks {1}")
    assert too_early(closed, "receiver_recv(rx, &got)", [unlocks]) == "No sender has been dropped yet."
    assert too_early(closed, "sender_send(tx, &got)", [unlocks]) == "The receiver has not been dropped yet."
    assert too_early(closed, "receiver_recv(rx, &got)", [unlocks, event(2, 1, 7, "free", "frees 8 bytes")]) == ""
    assert too_early("CHANNEL_OK", "receiver_recv(rx, &got)", [unlocks]) == ""


@pytest.mark.parametrize(
    ("message", "is_told"),
    [
        ("got is -1, not 7.", True),
        ("got is -1, not -1.", False),
        ("got is 2, not 1.", False),
        ("it is -1, not 2.", False),
    ],
)
def test_that_a_message_was_not_written_is_told(message: str, is_told: bool) -> None:
    told = explained(DEADLOCK | {"ends": []}, message, "failed")
    assert told.startswith("Nothing was written to *message") == is_told


def test_who_sleeps_while_another_is_told_wrong_is_not_the_place() -> None:
    sources = (Source("08", name, SOURCE, Path(name)) for name in ("ticket_server.c", "channel.c"))
    server = Code("08_ticket_server", tuple(sources))
    data = copy.deepcopy(DEADLOCK)
    data["places"] = {**PLACES, "0x4": ("serve", "ticket_server.c", 4), "0x3": ("receiver_recv", "channel.c", 3)}
    data["ends"][0]["stack"] = ["0x3", "0x4"]
    assert symbolize._above_the_channel(Story(data, server), server) == "ticket_server.c:4"
    assert symbolize._above_the_channel(Story(data | {"verdict": "failed"}, server), server) == ""


def line_in(suite: str, text: str) -> str:
    path = f"exercises/{suite}/test_channel.c"
    return f"{path}:{(ROOT / path).read_text().split(text)[0].count(chr(10)) + 1}"


def test_a_check_of_what_a_helper_returns_is_of_the_call_that_it_makes() -> None:
    assert suites.called_before(line_in("07_lock_free", "check_equal(recv_int(ends.rx), 0")) == "receiver_recv"
    assert suites.called_before(line_in("05_deadlines", "check_equal(drops[0], 1")) == "receiver_drop"


def test_a_test_starts_threads_itself_or_by_a_helper() -> None:
    assert suites.starts_threads(by_name("07_lock_free"), "recv_on_empty_closed_comes_behind_7_messages_and_one_more")
    assert suites.starts_threads(by_name("02_blocking"), "dropping_the_last_sender_wakes_a_sleeping_receiver")
    assert not suites.starts_threads(by_name("01_single_thread"), "two_channels_share_no_state")
    assert not suites.starts_threads(by_name("01_single_thread"), "of_no_suite")


def test_what_is_written_is_plainer_than_what_is_drawn_even_of_an_earlier_suite(tmp_path: Path) -> None:
    name = min(drawn(by_name("02_blocking")))
    own = outcome.TestResult("02_blocking", name, "interleave", "failed")
    inherited = outcome.TestResult("01_single_thread", "two_channels_share_no_state", "interleave", "failed")
    submission = Submission(by_name("02_blocking"), code().sources[0], (), (), tmp_path)
    assert Graded(submission, "failed", [own, inherited]).failures() == [inherited, own]


def test_a_hint_is_told_where_it_may_help(tmp_path: Path) -> None:
    test, hint = "dropping_the_last_sender_wakes_a_sleeping_receiver", "Who has to be told?"

    def is_told(failed: int, verdict: str = "failed", **known: Any) -> bool:
        one = outcome.TestResult("02_blocking", test, "interleave", verdict, "No.", hint=hint, **known)
        rest = [outcome.TestResult("02_blocking", f"other_{i}", "interleave", "passed") for i in range(60)]
        for other in rest[:failed]:
            other.verdict = "failed"
        submission = Submission(by_name("02_blocking"), code().sources[0], (), (), tmp_path)
        lines = failure.lines(Graded(submission, "failed", [one, *rest]), failure.Room(100), tmp_path)
        return any(hint in text for line in lines for text, _ in line)

    assert is_told(failed=20)
    assert not is_told(failed=40)  # most: it is something else
    assert not is_told(0, "leak")  # and the test is not about memory
    alone = copy.deepcopy(DEADLOCK) | {"verdict": "failed"}
    assert is_told(0, story=alone)
    del alone["threads"][1], alone["events"][4:], alone["ends"][1]
    assert not is_told(0, story=alone)  # no thread had been started, and the test is about two


def test_the_page_holds_all_it_shows(tmp_path: Path) -> None:
    result = outcome.TestResult("02_blocking", "it_</script>_wakes", "interleave", "deadlock", story=DEADLOCK)
    story_page.write(tmp_path / "page.html", result, code())
    page = (tmp_path / "page.html").read_text()
    assert "it &lt;/script&gt; wakes" in page
    assert "unlocks ch-" in page and "pthread_cond_wait(&ch->readable" in page
    assert "http" not in page.replace("http-equiv", "") and "@" not in page.split("<style>")[0]


def test_the_link_to_the_page_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(replay, "BUILD", tmp_path / "my kit")
    result = outcome.TestResult("02_blocking", "name", "interleave", "deadlock", story=DEADLOCK)
    submission = Submission(by_name("02_blocking"), code().sources[0], (), (), tmp_path)
    replay._write_page(Graded(submission, "failed", [result]), result)
    link = capsys.readouterr().out.split()[-1]
    assert link.startswith("file:///")
    with urllib.request.urlopen(link) as page:  # a terminal's click leads there, whatever directory it is in
        assert b"<title>" in page.read()


def test_a_person_can_read_the_page(playwright: Path, tmp_path: Path) -> None:
    data = copy.deepcopy(DEADLOCK)
    data["events"][5:] = [
        event(6, 1, 0, "ends", "ends"),
        *(event(n, 0, 3, "mutex_lock", "locks {1}") for n in range(7, 60)),
    ]
    data["events"].append(event(60, 1, 0, "ends", "ends"))
    data["ends"][0]["stack"] = ["0x4", "0x3"]
    long = Code("02_blocking", (Source("02_blocking", "channel.c", SOURCE + b"/* more */\n" * 60, Path("channel.c")),))
    result = outcome.TestResult("02_blocking", "name", "interleave", "deadlock", story=data)
    story_page.write(tmp_path / "page.html", result, long)
    script = Path(__file__).parent / "browser" / "story_page.js"
    command = ["node", str(script), str(playwright), shutil.which("chromium") or "", str(tmp_path / "page.html")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    # The last step is of a thread that has ended: its last place is shown. No heading is covered by what scrolls.
    # It opens at its end. A sleeper's stack has a line for each call.
    seen = json.loads(ended.stdout)
    assert (seen.pop("end"), seen.pop("begin"), seen.pop("lines")) == (True, "row names", 2)
    assert seen == {"errors": [], "place": "channel.c:5", "covered": False, "lanes": 390}


OBJECTS = [{"id": n, "kind": kind, "pc": "0x0"} for n, kind in enumerate(("mutex", "cond", "semaphore", "barrier"), 1)]
ALONE = {1: "the mutex", 2: "the condition variable", 3: "the semaphore", 4: "the barrier"}


@pytest.mark.parametrize(
    ("facts", "sleeps", "waker"),
    [
        (asleep("join", joins=1), "sleeps in join until drops ends", "the end of drops"),
        (asleep("f", 1, holder=1), "waits in f for {1}, which drops holds", "drops, by unlocking {1}"),
        (asleep("f", 1, holder=0), "waits in f for {1}, which it holds itself", "the test, by unlocking {1}"),
        (
            asleep("f", 2, mutex=1, signaller=1, signalled=7),
            "sleeps in f on {2}, its mutex is {1}",
            "a signal or broadcast on {2}; the last was by drops, at step 7",
        ),
        (
            asleep("f", 2, mutex=1, timed=True),
            "sleeps in f on {2}, its mutex is {1}, until its deadline",
            "a signal or broadcast on {2}; there was none",
        ),
        (asleep("f", 3), "sleeps in f on {3}", "a sem_post on {3}"),
        (asleep("f", 4, missing=2), "sleeps in f on {4}", "2 more to arrive at {4}"),
        (asleep("nanosleep", timed=True), "sleeps in nanosleep, until its deadline", ""),
        (asleep(""), "waits for the others to end", ""),
    ],
)
def test_what_the_runtime_knows_of_a_sleeper_becomes_a_sentence(facts: dict[str, Any], sleeps: str, waker: str) -> None:
    names = {f"{{{n}}}": name for n, name in ALONE.items()}
    for number, name in names.items():
        sleeps, waker = sleeps.replace(number, name), waker.replace(number, name)
    end = {"thread": 0, "state": "asleep", "pc": "0x0", "stack": [], **facts}
    read = words.Story({**DEADLOCK, "objects": OBJECTS, "ends": [end]}, code())
    assert [note.text for note in read.ends] == [sleeps]
    assert [note.text for note in read.wakers] == ([waker] if waker else [])
    asleep_all = words.message("Everybody sleeps.", {"all_asleep": True, "stopped": None}, read, "channel.c:3")
    assert asleep_all == f"Everybody sleeps: the test {sleeps}."


@pytest.mark.parametrize(("sleepers", "told", "left_out"), [(4, 4, ""), (5, 5, ""), (6, 4, "; 2 more sleep")])
def test_of_many_sleepers_a_few_are_told(sleepers: int, told: int, left_out: str) -> None:
    ends = [
        {"thread": thread, "state": "asleep", "pc": "0x0", "stack": [], **asleep("f", 3)} for thread in range(sleepers)
    ]
    threads = [{"name": f"recv #{thread}"} for thread in range(sleepers)]
    read = words.Story({**DEADLOCK, "threads": threads, "objects": OBJECTS, "ends": ends}, code())
    message = words.message("Everybody sleeps.", {"all_asleep": True, "stopped": None}, read, "")
    assert message.count("sleeps in f") == told
    assert message.endswith(f"{left_out}." if left_out else f"on {ALONE[3]}.")


def test_who_was_stopped_for_ever_is_named_and_where() -> None:
    read = words.Story({**DEADLOCK, "ends": []}, code())
    told_of = words.message("drops spins.", {"all_asleep": False, "stopped": 0}, read, "channel.c:3")
    assert told_of == (
        "not lock-free: the test was stopped for ever at channel.c:3, and the others can't finish. drops spins."
    )
    assert words.message("x.", {"all_asleep": False, "stopped": None}, read, "channel.c:3") == "x."


def test_places_in_a_kit_that_was_moved_since_it_was_compiled() -> None:
    assert symbolize._in_kit("/elsewhere/kit/grader/suite/main.c") == "grader/suite/main.c"
    assert symbolize._in_kit("/usr/include/grader/none.h") == "/usr/include/grader/none.h"


SERVER = b"""channel_create_bounded(sizeof(struct reply), 4, NULL, &tx, &rx);
sender_send(tx, &reply);
receiver_recv(rx, &reply);
receiver_drop(rx);
"""


def of_a_server(*told_there: str) -> Story:
    """What a server did with a channel, as the suite that stands between the two tells it, a line of SERVER each."""
    places = {f"0x{n}": ("serve", "ticket_server.c", n) for n in range(1, 5)}
    places |= {"0x8": ("__wrap_receiver_recv", "exercises/08_ticket_server/test_story.c", 9)}
    places |= {"0x9": ("receiver_recv", "channel.c", 1)}
    events = [event(n, 0, n, "tells", text) | {"stack": ["0x8", f"0x{n}"]} for n, text in enumerate(told_there, 1)]
    inside = [event(n, 0, 9, "mutex_lock", "locks it") | {"stack": ["0x9", "0x8", "0x3"]} for n in (8, 9)]
    files = (("ticket_server.c", SERVER), ("channel.c", b"pthread_mutex_lock(&ch->lock);\n"))
    sources = tuple(Source("08_ticket_server", name, text, Path(name)) for name, text in files)
    data = {**DEADLOCK, "verdict": "leak", "places": places, "events": [*events, *inside], "ends": []}
    return Story(data, Code("08_ticket_server", sources))


def test_a_call_that_is_told_is_one_step_and_calls_messages_by_their_type() -> None:
    created = "creates channel 0: room for 4 {whats 0}"
    told_there = (created, "sends {a what 0}: 1 of 4 queued", "receives {a what 0}: 0 left")
    read = of_a_server(*told_there)
    assert [(step.text, step.spot.short) for step in read.steps] == [
        ("creates a channel: room for 4 replies", "ticket_server.c:1"),
        ("sends a reply: 1 of 4 queued", "ticket_server.c:2"),
        ("receives a reply: 0 left", "ticket_server.c:3"),
    ]
    read = of_a_server(*told_there[:2])  # it is still in that call
    assert [step.text for step in read.steps][2:] == ["calls receiver_recv"]


def test_the_handles_that_a_server_never_dropped_are_told() -> None:
    created, cloned = "creates channel 0: room for 4 {whats 0}", "clones a sender of {whats 0}: there are 2"
    dropped, gone = "drops the last sender of {whats 0}", "drops the receiver: 1 {what 0} left"
    assert of_a_server(created, gone, dropped).undropped() == ""
    assert of_a_server(created, dropped).undropped() == "Never dropped, of a channel for replies: the receiver."
    assert of_a_server(created, cloned, dropped).undropped().endswith("the receiver and a sender.")
    assert of_a_server(created, cloned, gone).undropped().endswith("replies: 2 senders.")


def test_threads_that_wait_for_one_another_come_first() -> None:
    end: dict[str, Any] = {"state": "asleep", "pc": "0x0", "stack": []}
    ends = [
        {**end, "thread": 0, **asleep("join", joins=1)},
        {**end, "thread": 1, **asleep("f", 1, holder=2)},
        {**end, "thread": 2, **asleep("f", 2, holder=1)},
    ]
    threads = [{"id": n, "name": f"t{n}", "start": "0x0"} for n in range(3)]
    read = words.Story({**DEADLOCK, "threads": threads, "objects": OBJECTS, "ends": ends}, code())
    assert sorted(read.in_a_circle) == [1, 2]
    assert [note.thread for note in read.asleep()] == [1, 2, 0]
    ends = [{**end, "thread": 1, **asleep("f", 1, holder=1)}]
    assert not words.Story({**DEADLOCK, "threads": threads, "ends": ends}, code()).in_a_circle
