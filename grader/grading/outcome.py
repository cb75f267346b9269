"""What a run of one test means.

A pass needs three witnesses: exit code 0, exactly one completion record with the run's nonce that says so,
and an empty sanitizer log. What a test prints decides nothing.
"""

from __future__ import annotations

import dataclasses
import json
import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader import sentences
from grader.exercises import api
from grader.grading import hang, sanitizer
from grader.grading.isolation import ProcessResult
from grader.grading.verdicts import OF_TESTS


@dataclass
class TestResult:
    """One test on one code in one variant. Places in the student's code are told as channel.c:88."""

    suite: str
    name: str
    variant: str
    verdict: str
    message: str = ""
    where: str = ""  # in the student's code
    test_where: str = ""  # in the suite
    rule: str = ""  # the broken sentence of the header
    call: str = ""
    expected: str = ""
    got: str = ""
    sections: list[tuple[str, list[str]]] = field(default_factory=list)  # title, places
    facts: dict[str, Any] = field(default_factory=dict)  # what is known besides the message: suite/runtime.h
    seed: str = ""
    schedules: int = 0
    exhaustive: bool = False
    preemption_bound: int = 0
    seconds: float = 0.0
    hint: str = ""
    story: dict[str, Any] | None = None
    explanation: str = ""
    output: str = ""  # the end of what the test printed, when that may help

    @property
    def sentence(self) -> str:
        """The name as the sentence it is."""
        return self.name.replace("_", " ")

    @property
    def broken(self) -> list[sentences.Sentence]:
        """The sentences of the header that a failure refutes; none is known of what was not built or not run."""
        if self.verdict in ("passed", "build_failed", "not_implemented", "environment"):
            return []
        found = sentences.broken(self.suite, self.name, self.rule, self.call, self.expected)
        is_stopped = self.facts.get("stopped") is not None  # of which the tests of lock-freedom know more
        alone = len((self.story or {}).get("threads", [])) == 1
        return found if is_stopped else sentences.refuted(self.suite, self.verdict, found, self._behind_it(), alone)

    def _behind_it(self) -> list[str]:
        """The functions of the headers that are behind a failure: where somebody waits, or the drop that freed what is
        used after it."""
        places = (self.story or {}).get("places", {})
        freed = [a["stack"] for a in (self.story or {}).get("accesses", []) if a["role"] == "freed"]
        by_the_channel = (stack for stack in freed if stack and "/" not in places.get(stack[0], ("", "/"))[1])
        is_used_after = self.verdict == "use_after_free"
        drops = [name for name in self._functions_of(by_the_channel) if is_used_after and name.endswith("_drop")]
        return [*self.waits_in(), *drops]

    def waits_in(self) -> list[str]:
        """The functions of the headers in which somebody sleeps whom nobody has woken, or spins; none if a lock is
        behind it."""
        state = {"deadlock": "asleep", "no_progress": "spinning"}.get(self.verdict)
        waiting = [end for end in (self.story or {}).get("ends", []) if end["state"] == state]
        is_for_a_lock = state == "asleep" and any(end["holder"] >= 0 for end in waiting)
        return [] if is_for_a_lock else self._functions_of(end["stack"] for end in waiting)

    def leaked_by(self) -> list[str]:
        """Of a leak: the function of a header that has allocated it."""
        places = (self.story or {}).get("accesses", []) if self.verdict == "leak" else []
        return self._functions_of(place["stack"] for place in places)

    def _functions_of(self, stacks: Iterable[Sequence[str]]) -> list[str]:
        """Of each stack the function of a header that the suite has called."""
        places = (self.story or {}).get("places", {})
        called = ([places[address][0] for address in stack if address in places] for stack in stacks)
        return [names[-1] for names in ([name for name in names if name in api()] for names in called) if names]

    @property
    def extent(self) -> str:
        """How much was looked at, in words; "" if that is nothing to tell."""
        if self.proved:
            return f"every execution: {self.schedules:,}" if self.schedules > 1 else "every execution: there is one"
        if self.exhaustive:
            bound = "1 preemption" if self.preemption_bound == 1 else f"{self.preemption_bound} preemptions"
            return f"every execution with at most {bound}: {self.schedules:,}"
        return f"{self.schedules:,} schedules, searched" if self.schedules > 1 else ""

    @property
    def proved(self) -> bool:
        """Was every execution of the scenario looked at?"""
        return self.verdict == "passed" and self.exhaustive and not self.preemption_bound


def to_json(result: TestResult) -> dict[str, Any]:
    """Only what differs from the default, to keep stored results short."""
    default = TestResult(result.suite, result.name, result.variant, result.verdict)
    full = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
    return {k: v for k, v in full.items() if k in _ALWAYS or v != getattr(default, k)}


_ALWAYS = ("suite", "name", "variant", "verdict")


def from_json(data: dict[str, Any]) -> TestResult:
    sections = [(title, list(places)) for title, places in data.pop("sections", [])]
    return TestResult(**data, sections=sections)


def judge(result: TestResult, ended: ProcessResult, nonce: str, sources: frozenset[str]) -> TestResult:
    """Fills in result from what is known of the run."""
    _tell_end(result, ended)
    result.seconds = round(ended.seconds, 3)
    if ended.timed_out:
        _tell_hang(result, ended, sources)
        return result
    records = read_records(ended.record, nonce)
    record = records[0] if [record.get("test") for record in records] == [result.name] else None
    finding = sanitizer.read_log(ended.sanitizer, sources)
    if record is not None:
        _tell_record(result, record)
    if finding is not None and result.verdict in _LESS_TELLING:
        _tell_sanitizer_report(result, finding)
    if result.verdict == "passed" and ended.code != 0:
        result.verdict = "exited_early"
        result.message = f"The test passed, but its process ended with {_exit_words(ended.code)}."
    return result


# A sanitizer ends the process, and then the process's end tells less than the sanitizer does.
_LESS_TELLING = ("passed", "crashed", "exited_early", "environment", "leak")


def passed_together(
    results: Sequence[TestResult], ended: ProcessResult, nonce: str, sources: frozenset[str]
) -> list[TestResult]:
    """Which tests passed, the first ones of results, of a run of them all that ends at the first that does not.

    The witnesses are those of one test. Is there a doubt about one, none has passed."""
    if ended.code not in (0, 1) or sanitizer.read_log(ended.sanitizer, sources) is not None:
        return []
    records = read_records(ended.record, nonce)
    passed = [record for record in records if record["verdict"] == "passed"]
    if passed == records and (ended.code == 1 or ended.timed_out):
        passed = passed[:-1]  # the last one passed, but its process may have ended badly
    if [record.get("test") for record in passed] != [result.name for result in results[: len(passed)]]:
        return []
    for result, record in zip(results, passed, strict=False):  # the others are not known
        _tell_record(result, record)
        result.seconds = float(record.get("seconds", ended.seconds))
    return list(results[: len(passed)])


def read_records(text: bytes, nonce: str) -> list[dict[str, Any]]:
    """The completion records in a file, if all of them are this run's."""
    try:
        records = [json.loads(line.decode("utf-8", "replace")) for line in text.split(b"\n") if line]
    except ValueError:
        return []
    good = all(isinstance(r, dict) and r.get("nonce") == nonce and r.get("verdict") in OF_TESTS for r in records)
    return records if good else []


def _tell_end(result: TestResult, ended: ProcessResult) -> None:
    """What the end of the process alone says: never that the test passed."""
    result.output = ended.stderr.decode("utf-8", "replace")[-2000:]
    if ended.too_large:
        result.verdict = "crashed"
        result.message = "The code took far more memory than the test can need."
    elif ended.code in (-signal.SIGXCPU, -signal.SIGKILL):
        result.verdict = "timeout"
        result.message = "The test used up its processor time, or was killed: it does not come to an end."
    elif ended.code < 0:
        result.verdict = "crashed"
        result.message = f"The code crashed: {_exit_words(ended.code)}."
    else:
        result.verdict = "exited_early"
        result.message = f"The process ended before the test did, with {_exit_words(ended.code)}."


def _exit_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"{signal.Signals(-code).name} ({signal.strsignal(-code)})"
    except ValueError:
        return f"signal {-code}"


def _tell_record(result: TestResult, record: dict[str, Any]) -> None:
    result.verdict = record["verdict"]
    for name in ("message", "rule", "call", "expected", "got", "seed", "hint"):
        setattr(result, name, str(record.get(name, "")))
    for name in ("schedules", "preemption_bound"):
        setattr(result, name, int(record.get(name, 0)))
    result.exhaustive = bool(record.get("exhaustive"))
    result.story = record.get("story")
    result.facts = record.get("facts", {})
    if record.get("calls"):
        title = "The calls, each from its beginning to its return:"
        result.sections.append((title, str(record["calls"]).splitlines()))
    if record.get("line"):
        result.test_where = f"{record.get('file')}:{record.get('line')}"
    result.where = str(record.get("pc", ""))  # an address until symbolize.resolve
    if result.verdict == "crashed":
        from grader.grading import diagnostics

        result.explanation = diagnostics.crash(result.facts)
    if result.verdict == "passed":
        result.output = result.hint = result.where = ""
        result.message = result.extent


def _tell_sanitizer_report(result: TestResult, finding: sanitizer.SanitizerReport) -> None:
    result.verdict, result.message = finding.verdict, finding.message
    result.where = str(finding.where or "")
    result.sections = [(s.title, [f"{p}  {p.function}" for p in s.places]) for s in finding.sections]


def _tell_hang(result: TestResult, ended: ProcessResult, sources: frozenset[str]) -> None:
    if ended.asleep:
        result.verdict = "deadlock"
        result.message = "Every thread sleeps, and nothing is left that could wake one."
    else:
        result.verdict = "timeout"
        result.message = "The test does not come to an end."
    for thread in ended.stacks:
        places = [_frame_words(frame, sources) for frame in thread.frames]
        kept = [place for place in places if place]
        if kept:
            result.sections.append((f"{thread.name} is in {_sleeps_in(thread)}", kept[:3]))
    own = (p.split()[0] for _, places in result.sections for p in places if "exercises/" not in p)
    result.where = next(own, "")


def _frame_words(frame: hang.Frame, sources: frozenset[str]) -> str:
    if frame.file.rsplit("/", 1)[-1] in sources:
        return f"{frame.file.rsplit('/', 1)[-1]}:{frame.line}  {frame.function}"
    suite = re.search(r"exercises/\w+/test_\w+\.c$", frame.file)
    return f"{suite[0]}:{frame.line}  {frame.function}" if suite else ""


_CALLS = re.compile(r"_*(?:GI_+)?_*(pthread_\w+|sem_\w+|nanosleep|poll|read|write|select|epoll_wait)$")


def _sleeps_in(thread: hang.Thread) -> str:
    """The library's function it called, by its public name."""
    for frame in reversed(thread.frames):
        match = _CALLS.match(frame.function.split("@")[0])
        if match and match[1] != "pthread_create":
            return match[1]
    return thread.frames[0].function if thread.frames else "?"
