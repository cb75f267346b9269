"""The command line: one function a command, each returns the exit code.

What a command needs is imported by it, so that a warm `make grade` stays fast.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from grader import arguments, typed
from grader.errors import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_PASSED, GraderError
from grader.output.text import tell

Command = Callable[[argparse.Namespace], int]


def main(words: list[str]) -> int:
    """Runs one command. Whatever goes wrong is said in a sentence."""
    try:
        options = parser().parse_args(words)
        arguments.refuse_unknown(options.name, lambda: {name: _words(options) for name, _, _, options in COMMANDS})
        command: Command = options.command
        code = command(options)
        sys.stdout.flush()
        return code
    except GraderError as error:
        tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except EOFError:  # half of a compiled module: grader/__main__.py knows what to do
        raise
    except Exception as error:
        return _tell_defect(error)


def _tell_defect(error: Exception) -> int:
    """A mistake of the grader's own, or a file system that failed: never a stack trace on the screen."""
    from grader.output import defects

    tell(defects.describe(error))
    return EXIT_ENVIRONMENT


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python3 -m grader", description="Grades channels in C.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    given = typed.now()  # make grade EX=04
    for name, command, words, options in COMMANDS:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(command=command, name=name)
        for option in options:
            sub.add_argument(f"--{option}", default=given.word(option.upper()), metavar=option.upper())
    return top


def _words(options: Sequence[str]) -> list[str]:
    """What may be typed for a command that has these options. What runs tests takes the scheduler's knobs, too."""
    from grader.grading.runner import KNOBS

    runs_tests = "variant" in options or "variants" in options
    return [*map(str.upper, options), *(KNOBS if runs_tests else ())]


# ------------------------------------------------------------------------------------ commands


def grade(options: argparse.Namespace) -> int:
    from grader.commands import grade as grading

    return grading.grade(
        ex=options.ex,
        tree=options.src,
        solutions=arguments.is_on(options.solutions),
        variant=options.variant,
        report_to=Path(options.json) if options.json else None,
        again=arguments.is_on(options.again),
        test=options.test,
    )


def run(options: argparse.Namespace) -> int:
    from grader.commands import demo

    return demo.run(options.ex, options.src, arguments.is_on(options.solutions), options.port)


def talk(options: argparse.Namespace) -> int:
    from grader.commands import demo

    return demo.talk(options.port)


def compare_checkers(options: argparse.Namespace) -> int:
    from grader.selfcheck import compare_checkers

    seconds = arguments.number("SECONDS", options.seconds, 5.0)
    trials = compare_checkers.compare(arguments.chosen(options.ex), seconds, lambda line: print(line, flush=True))
    compare_checkers.write(trials, seconds)
    print("docs/compare-checkers.md")
    return EXIT_PASSED


def generated_table(options: argparse.Namespace) -> int:
    from grader.selfcheck import generated

    trials = generated.find(arguments.chosen(options.ex), lambda line: print(line, flush=True))
    if not options.ex.strip():  # the page is of all
        generated.write(trials)
        print("docs/generated.md")
    return EXIT_PASSED


def solutions(options: argparse.Namespace) -> int:
    from grader.commands import grade as grading

    return grading.check_kit(options.ex, options.variant)


def roots(options: argparse.Namespace) -> int:
    from grader.selfcheck import roots as other_debians

    well = other_debians.run(options.roots, arguments.is_on(options.quick), lambda line: print(line, flush=True))
    return EXIT_PASSED if well else EXIT_FAILED


def mutants(options: argparse.Namespace) -> int:
    from grader.selfcheck.mutants import command

    number = int(arguments.number("N", options.n, 500))
    doubt = arguments.is_on(options.doubt)
    return command.run(arguments.chosen(options.ex), number, lambda line: print(line, flush=True), doubt)


def mutants_table(_: argparse.Namespace) -> int:
    from grader.selfcheck.mutants import command

    print(command.write_page())
    return EXIT_PASSED


def api(_: argparse.Namespace) -> int:
    from grader import exercises

    print(*sorted(exercises.api()), sep="\n")
    return EXIT_PASSED


def stubs(_: argparse.Namespace) -> int:
    from grader.grading import stubs as copies

    for name in copies.copy_all():
        print(f"grader/stubs/{name}")
    return EXIT_PASSED


def new_exercise(options: argparse.Namespace) -> int:
    from grader.selfcheck import new_exercise as new

    for line in new.lines(new.make(options.ex)):
        print(line)
    return EXIT_PASSED


def make_class(options: argparse.Namespace) -> int:
    from grader.classroom import commands

    return commands.make_class(vars(options))


def result(options: argparse.Namespace) -> int:
    from grader.classroom import commands

    return commands.result(vars(options))


def gradescope(options: argparse.Namespace) -> int:
    from grader.classroom import commands

    return commands.gradescope(vars(options))


def situations(_: argparse.Namespace) -> int:
    from grader.selfcheck import situations as tables

    return tables.run(lambda line: print(line, flush=True))


def known_wrong_table(_: argparse.Namespace) -> int:
    from grader.exercises import ROOT
    from grader.selfcheck import catches

    print(catches.write_page().relative_to(ROOT))
    return EXIT_PASSED


def show_list(_: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.show_list()


def hint(options: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.hint(options.ex)


def adopt(options: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.adopt(getattr(options, "from"))


def carry(options: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.carry_over(options.ex, getattr(options, "from"), arguments.is_on(options.force))


def reset(options: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.reset(options.ex)


def swap(options: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.swap(options.ex, options.file)


def unswap(options: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.unswap(options.ex)


def handout(options: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.handout(vars(options)["class"])


def book(_: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.book()


def compile_commands(_: argparse.Namespace) -> int:
    from grader.commands import workspace

    return workspace.compile_commands()


def replay(options: argparse.Namespace) -> int:
    from grader.commands import replay as again

    wanted = again.Wanted(
        ex=options.ex,
        test=options.test,
        seed=options.seed,
        src=options.src,
        solutions=arguments.is_on(options.solutions),
        variant=options.variant,
    )
    return again.replay(wanted, arguments.is_on(options.gdb), arguments.is_on(options.html))


def try_program(options: argparse.Namespace) -> int:
    from grader.commands import try_program as trying

    return trying.run(options.file, options.seed, options.variant)


def doctor(_: argparse.Namespace) -> int:
    from grader.commands import doctor as examination

    return examination.run()


def watch(options: argparse.Namespace) -> int:
    from grader.commands import watch as watching

    return watching.run(options.variant)


COMMANDS: tuple[tuple[str, Command, str, tuple[str, ...]], ...] = (
    ("grade", grade, "run the suites", ("ex", "src", "solutions", "variant", "json", "again", "test")),
    ("watch", watch, "grade what is saved, as it is saved", ("variant",)),
    ("list", show_list, "all exercises, and the next step", ()),
    ("hint", hint, "the next hint", ("ex",)),
    ("adopt", adopt, "your work out of an older copy of the kit", ("from",)),
    ("carry", carry, "begin with the code of the exercise before", ("ex", "from", "force")),
    ("reset", reset, "the stub back", ("ex",)),
    (
        "replay",
        replay,
        "one schedule again",
        ("ex", "test", "seed", "src", "solutions", "variant", "gdb", "html"),
    ),
    ("try", try_program, "a program of your own under the scheduler", ("file", "seed", "variant")),
    ("talk", talk, "talk to a program that is running", ("port",)),
    ("run", run, "the program of an exercise, live", ("ex", "src", "solutions", "port")),
    ("doctor", doctor, "prove that each tool works here", ()),
    ("swap", swap, "put a solution in place", ("ex", "file")),
    ("unswap", unswap, "the student's file back", ("ex",)),
    ("handout", handout, "the kit for students", ("class",)),
    ("book", book, "docs and exercises as a site", ()),
    ("compile_commands.json", compile_commands, "write compile_commands.json", ()),
    (
        "class",
        make_class,
        "grade a class",
        (
            "submissions",
            "roster",
            "corpus",
            "out",
            "ex",
            "class",
            "variants",
            "jobs",
            "engine",
            "slurm",
            "unsafe",
            "again",
        ),
    ),
    ("result", result, "one tree's result", ("src", "ex", "format", "out", "class", "variants", "metadata", "unsafe")),
    ("gradescope", gradescope, "the autograder to upload", ("ex", "class", "out")),
    ("compare-checkers", compare_checkers, "compare the ways of checking", ("ex", "seconds")),
    ("solutions", solutions, "check the kit itself", ("ex", "variant")),
    ("roots", roots, "the README's commands on other Debians", ("roots", "quick")),
    ("mutants", mutants, "known-right channels, each changed a little", ("ex", "n", "doubt")),
    ("mutants-table", mutants_table, "the last mutants, into docs/mutants.md", ()),
    ("api", api, "the functions of the headers, for grader/build.mk", ()),
    ("new-exercise", new_exercise, "an exercise to begin with", ("ex",)),
    ("stubs", stubs, "copy the stubs of exercises/ for reset", ()),
    ("generated-table", generated_table, "what drawn calls find alone, into docs/generated.md", ("ex",)),
    ("situations", situations, "what reaches which situation, beside each suite", ()),
    ("known-wrong-table", known_wrong_table, "the recorded catches, into docs/known-wrong.md", ()),
)
