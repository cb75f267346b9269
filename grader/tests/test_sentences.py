"""The sentences of the headers: read as they stand there, quoted by every test, and each executed by one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader import sentences
from grader.exercises import DRAWN, ROOT, Exercise, all_exercises, find
from grader.selfcheck import contract
from grader.selfcheck.implementations import KNOWN_WRONG
from grader.selfcheck.mutants import page

HEADER = """/* channel.h - a title. It is no sentence.
 *
 * An introduction, and 1 ... 9. And more
 * of it.
 *
 *   01  a_list  of_functions
 *
 * Order    First in,
 *          first out. Always.
 * The end  Comes last.
 *
 * Changed from 00
 *   Threads   None. One.
 */
enum status {
    OK = 0, /* done */
    BAD[3], /* not done; as before */
};

/* Does it. NULL is a no-op.
 *
 * first, second: two numbers,
 * both odd. Not three.
 *
 * OK    It is done.
 * BAD   Never said. Not
 *       even once.
 * Unless OK, all is as before. */
enum status do_it(int first, int second);
"""


def test_a_header_is_read_as_sentences_with_their_places(tmp_path: Path) -> None:
    header = tmp_path / "channel.h"
    header.write_text(HEADER)
    found = [(int(s.where.rpartition(":")[2]), s.owner, s.label, s.words) for s in sentences.read(header)]
    assert found == [
        (3, "", "", "An introduction, and 1 ... 9."),
        (3, "", "", "And more of it."),
        (8, "", "Order", "First in, first out."),
        (9, "", "Order", "Always."),
        (10, "", "The end", "Comes last."),
        (13, "", "Threads", "None."),
        (13, "", "Threads", "One."),
        (16, "status", "OK", "done"),
        (17, "status", "BAD", "not done; as before"),
        (20, "do_it", "", "Does it."),
        (20, "do_it", "", "NULL is a no-op."),
        (22, "do_it", "first, second", "two numbers, both odd."),
        (23, "do_it", "first, second", "Not three."),
        (25, "do_it", "OK", "It is done."),
        (26, "do_it", "BAD", "Never said."),
        (26, "do_it", "BAD", "Not even once."),
        (28, "do_it", "", "Unless OK, all is as before."),
    ]


def test_a_quotation_is_found_in_the_newest_header_that_has_it_and_once() -> None:
    blocking = find("02")
    assert sentences.find("receiver_recv CHANNEL_CLOSED: *message is UNTOUCHED", blocking).owner == "receiver_recv"
    assert "01_single_thread" in sentences.find("and stays so", blocking).where
    assert "07_lock_free" in sentences.find("and stays so", find("07")).where
    with pytest.raises(sentences.QuotationError, match=r"is in 2 sentences: .*channel.h:.*, .*channel.h:"):
        sentences.find("*message is untouched", find("01"))
    with pytest.raises(sentences.QuotationError, match=r"no sentence of the headers of 01_single_thread"):
        sentences.find("no such words", find("01"))


def test_a_failure_refutes_the_sentence_that_its_rule_is_or_else_those_of_the_test() -> None:
    def broken(rule: str, call: str) -> list[str]:
        test = "send_after_drop_of_the_receiver_is_closed"
        return [s.text for s in sentences.broken("01_single_thread", test, rule, call)]

    closed = "CHANNEL_CLOSED: The receiver has been dropped, and stays so."
    assert broken("CHANNEL_CLOSED: the receiver has been dropped.", "sender_send(tx, &m)") == [closed]
    assert broken("NULL is a no-op.", "receiver_drop(NULL)") == ["NULL is a no-op."]
    assert broken("Never blocks.", "receiver_try_recv(rx, &m)") == ["Never blocks."]
    assert broken("Something else.", "") == ["From then on every send says CHANNEL_CLOSED.", closed]
    of_no_size = sentences.broken("04_bounded", "", "Something else.", "channel_create(0, &tx, &rx)", "CHANNEL_INVALID")
    assert [(s.owner, s.label) for s in of_no_size] == [("channel_create", "CHANNEL_INVALID")]


def test_a_call_that_had_to_be_ok_refutes_what_its_test_says_of_it_or_else_what_it_does() -> None:
    def broken(test: str, call: str) -> list[str]:
        return [s.text for s in sentences.broken("02_blocking", test, "Something else.", call, "CHANNEL_OK")]

    order = "multi_sender_messages_of_each_sender_arrive_in_the_order_sent"
    of_it = [sentence.text for sentence in sentences.of_test(find("02"), order)]
    does = "Makes an unbounded channel for messages of message_size bytes, and its first two handles."
    assert broken(order, "channel_create(1, &tx, &rx)") == [does, *of_it]
    assert broken(order, "got") == of_it  # no function's
    wakes = "a_send_wakes_a_sleeping_receiver"
    of_recv = [sentence.text for sentence in sentences.of_test(find("02"), wakes)]
    assert broken(wakes, "receiver_recv(rx, &got)") == of_recv


def test_a_verdict_refutes_a_sentence_of_its_own_first() -> None:
    def refuted(verdict: str, test: str) -> list[str]:
        found = sentences.of_test(find("01"), test)
        return [s.text for s in sentences.refuted("01_single_thread", verdict, found)]

    test = "send_after_drop_of_the_receiver_is_closed"
    of_it = [sentence.text for sentence in sentences.of_test(find("01"), test)]
    assert refuted("failed", test) == of_it
    assert refuted("leak", test) == ["Memory: Nothing leaks.", *of_it]
    assert "neither spins nor polls" in sentences.refuted("02_blocking", "no_progress", [])[0].text
    assert sentences.refuted("of_no_exercise", "leak", []) == []
    assert sentences.refuted("04_bounded", "deadlock", []) == []  # a lock, say
    assert sentences.refuted("08_ticket_server", "deadlock", [], ["receiver_recv"]) == []  # its channel's promise
    asleep = sentences.refuted("04_bounded", "deadlock", [], ["receiver_recv"])
    assert [s.text for s in asleep] == ["A send wakes a sleeping receiver, and so does dropping the last sender."]


def test_who_waits_and_never_has_to_refutes_just_that() -> None:
    found = sentences.of_test(find("02"), "recv_sleeps_after_a_try_recv_that_found_nothing")
    for verdict in ("deadlock", "no_progress"):
        told = sentences.refuted("02_blocking", verdict, found, ["receiver_try_recv"])
        assert [s.text for s in told] == ["Never blocks.", *(s.text for s in found)]
    assert "never sleeps" in sentences.refuted("05_deadlines", "deadlock", [], ["sender_try_send"])[0].text
    assert sentences.refuted("04_bounded", "deadlock", [], ["sender_send"]) == []  # which may sleep there


def test_who_sleeps_where_nobody_else_is_was_not_to_sleep() -> None:
    found = sentences.of_test(find("02"), "recv_on_empty_closed_channel_is_closed_at_once_and_for_good")
    assert sentences.refuted("02_blocking", "deadlock", found, ["receiver_recv"], alone=True) == found
    assert "wakes" in sentences.refuted("02_blocking", "deadlock", found, ["receiver_recv"])[0].text
    of_sends = sentences.of_test(find("05"), "send_until_says_timeout_and_not_before_the_deadline")
    told = sentences.refuted("05_deadlines", "deadlock", of_sends, ["receiver_recv"], alone=True)
    assert told[0].text.startswith("Takes the oldest message out, sleeping while") and told[1:] == of_sends


def test_what_a_drop_has_freed_too_early_is_the_channel() -> None:
    def refuted(test: str, behind: list[str]) -> list[sentences.Sentence]:
        return sentences.refuted("03_message_type", "use_after_free", sentences.of_test(find("03"), test), behind)

    of_another_thing, of_freeing = "no_other_function_calls_back", "drop_runs_for_every_message_left"
    of_freeing = next(name for name in sentences.quotations(find("03")) if name.startswith(of_freeing))
    assert "frees the channel" in refuted(of_another_thing, ["sender_drop"])[0].text
    assert refuted(of_another_thing, []) == sentences.of_test(find("03"), of_another_thing)
    assert refuted(of_freeing, ["receiver_drop"]) == sentences.of_test(find("03"), of_freeing)


def test_the_hint_of_a_leak_is_that_of_a_test_of_what_is_freed() -> None:
    assert sentences.are_of_memory("01_single_thread", "create_without_memory_leaves_tx_and_rx_untouched")
    assert sentences.are_of_memory("01_single_thread", "a_channel_is_freed_with_the_messages_still_in_it")
    assert not sentences.are_of_memory("05_deadlines", "recv_until_takes_a_point_in_time_and_not_a_length")
    assert not sentences.are_of_memory("of_no_exercise", "a_test")


def test_a_hint_is_about_the_calls_that_its_test_executes() -> None:
    def is_about(test: str, function: str) -> bool:
        return sentences.are_about("01_single_thread", test, function)

    assert is_about("send_after_drop_of_the_receiver_is_closed", "sender_send")
    assert not is_about("send_after_drop_of_the_receiver_is_closed", "channel_create")
    assert is_about("send_after_drop_of_the_receiver_is_closed", "got")  # a value, of whichever call
    assert is_about("two_channels_share_no_state", "channel_create")  # its sentence belongs to no function


@pytest.mark.parametrize("exercise", all_exercises(), ids=[exercise.name for exercise in all_exercises()])
def test_every_test_quotes_the_sentences_that_it_executes(exercise: Exercise) -> None:
    quotations = sentences.quotations(exercise)
    assert sorted(quotations) == sorted(exercise.tests_in_source())
    assert [name for name, quoted in quotations.items() if not quoted] == []
    for quotation in (quotation for quoted in quotations.values() for quotation in quoted):
        sentences.find(quotation, exercise)  # it is found, and once


_OF_THE_CHANNEL = ("dropped_once", "allocates_nothing", "thread_ends")
_OF_A_KIND = re.compile(
    rf'(?:\.(name|sleeps|sleeps_until|{"|".join(_OF_THE_CHANNEL)})|\[\w+\])\s*=\s*((?:"(?:\\.|[^"\\])*"\s*)+)'
)


def rules_of_the_model(exercise: Exercise) -> Iterator[tuple[str, str]]:
    """For each kind of call that is drawn its function, and what is told of it when it fails."""
    command = ["gcc", "-E", "-P", "-iquote", str(exercise.directory), "-iquote", str(ROOT / "grader/suite")]
    command += ["-iquote", str(ROOT / "grader/model"), str(exercise.directory / "test_generated.c")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    function = ""
    for member, literals in _OF_A_KIND.findall(text[text.index("struct kind kinds[]") :]):
        value = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', literals))
        if member == "name":
            function = value
        else:
            yield ("" if member in _OF_THE_CHANNEL else function), value


WITH_A_MODEL = [exercise for exercise in all_exercises() if exercise.tests_in(DRAWN)]


def test_all_of_the_kit_have_a_model() -> None:
    assert {f"{number:02}" for number in range(1, 9)} <= {exercise.number for exercise in WITH_A_MODEL}


@pytest.mark.parametrize("exercise", WITH_A_MODEL, ids=[exercise.name for exercise in WITH_A_MODEL])
def test_the_rules_of_the_models_are_sentences_of_the_headers(exercise: Exercise) -> None:
    rules = list(rules_of_the_model(exercise))
    assert len(rules) > 10
    unknown = [rule for rule in rules if len(sentences.broken(exercise.name, "", rule[1], rule[0])) != 1]
    assert unknown == []


@pytest.mark.parametrize("exercise", all_exercises(), ids=[exercise.name for exercise in all_exercises()])
def test_every_sentence_is_executed_by_a_test_or_has_a_reason_why_not(exercise: Exercise) -> None:
    assert contract.faults(exercise) == []  # as make solutions says it
    tested, reasons = contract.tested(), contract.not_tested(exercise)
    own = sentences.of(exercise)
    assert [s.where for s in own if s not in tested and s not in reasons] == []
    assert [s.where for s in reasons if s in tested or s not in own] == []
    assert all(why.endswith(".") for why in reasons.values())


def test_a_sentence_is_broken_when_a_test_that_quotes_it_catches_a_wrong_channel() -> None:
    first = find("01")
    everything = contract.unbroken([first], [])
    assert sorted(s.where for s in everything) == sorted(
        s.where for s in sentences.of(first) if s not in contract.not_tested(first)
    )
    by_test = contract.Catch("01_single_thread", "two_channels_share_no_state", "Something else.")
    by_rule = contract.Catch("02_blocking", "queued_messages_come_before_closed", "NULL is a no-op.", "receiver_drop()")
    left = contract.unbroken([first], [by_test, by_rule])
    gone = [s.text for s in everything if s not in left]
    assert gone == ["Isolation: Two channels share no state.", "NULL is a no-op."]


def test_mutants_are_counted_by_the_sentences_they_break() -> None:
    caught = {"outcome": "caught", "suite": "01_single_thread", "test": "two_channels_share_no_state"}
    lines = page.by_sentence([caught, caught, {"outcome": "survived"}])
    (row,) = [line for line in lines if line.endswith(" 2 |")]
    assert "01_single_thread/channel.h:" in row and "Two channels share no state." in row
    assert any(line.startswith("- `02_blocking/channel.h:") for line in lines[lines.index("") :])


def expected_catches() -> Iterator[tuple[Path, str, list[Exercise]]]:
    """The tests that the heads of known-wrong channels name, and the exercises whose suites have them."""
    for exercise in all_exercises():
        for path in sorted((KNOWN_WRONG / exercise.name).iterdir()):
            for names in re.findall(r"^Test: *(.*)", path.read_text(), re.MULTILINE):
                for name in names.split():
                    yield path, name, [suite for suite in exercise.chain() if name in suite.tests_in_source()]


def test_known_wrong_channels_name_tests_that_there_are() -> None:
    assert [(path.name, name) for path, name, suites in expected_catches() if not suites] == []


def test_every_sentence_has_a_known_wrong_channel_that_breaks_it() -> None:
    catches = [contract.Catch(suites[-1].name, name) for _, name, suites in expected_catches() if suites]
    assert [s.where for s in contract.unbroken(all_exercises(), catches)] == []
