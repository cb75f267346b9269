"""Litmus tests: made by chance, their outcomes by herd7, and held against what the scheduler shows.

    make litmus                  all of the table, under each compiler that is here
    make litmus HERD=path        before that all its outcomes anew, by that herd7 (without a table: of new tests)

A line of interleave/litmus.txt is a test and the outcomes it can have:

    32 Wx1. Ry. | Wy1. Rx. : 00/110 01/110 10/110 11/110

The bits of each place, then the threads. An operation is its name, a place (x y z; d and e are not atomic), its values
and its order. W stores, R loads, F is a fence, X exchanges, A and O are fetch_add and fetch_or, C and c are
compare_exchange strong and weak, of the value expected and the one wanted, with the order for failure at the end.
?1 ends the thread unless the last value read was 1. Orders: `.` relaxed, a acquire, r release, b acq_rel, s seq_cst,
and `-` is no atomic. An outcome is what was read, thread by thread (an exchange reads whether it took place, and what
it found), and what x, y and z hold in the end; after a + those that need a weak exchange to fail without cause.
`race`: it has a race, and so any outcome.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader import streams, typed
from grader.arguments import refuse_unknown
from grader.errors import GraderError, UsageError
from grader.output.text import tell

ROOT = Path(__file__).resolve().parents[2]
HERE = "grader/tests/interleave"
TABLE = ROOT / HERE / "litmus.txt"

SEED = 20261130
TESTS = {"cycle": 900, "program": 600, "modify": 500, "message": 600, "sequential": 500}  # of each kind
MOST_OUTCOMES = 60  # of a test of the table
IN_TIME = 1  # second of processor time herd7 has for a new test
ATOMICS, PLAINS = "xyz", "de"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ORDERS = {".": "relaxed", "a": "acquire", "r": "release", "b": "acq_rel", "s": "seq_cst"}


# ------------------------------------------------------------------------------------------- tests by chance

Thread = list[str]


def order(rng: random.Random, kind: str) -> str:
    strong = {"R": "aas", "W": "rrs", "F": "arbsss"}.get(kind, "arbs")
    return rng.choice(strong) if kind == "F" or rng.random() < 0.6 else "."


def read(rng: random.Random, place: str) -> str:
    if rng.random() < 0.08:
        return f"O{place}0{order(rng, 'X')}"
    return f"R{place}{order(rng, 'R')}"


def write(rng: random.Random, place: str, value: int, modifies: float = 0.12) -> str:
    if rng.random() < modifies:
        return f"{rng.choice('XXA')}{place}{value}{order(rng, 'X')}"
    return f"W{place}{value}{order(rng, 'W')}"


def exchange(rng: random.Random, place: str, expected: int, wanted: int) -> str:
    success = order(rng, "C")
    failure = rng.choice({".": ".", "r": ".", "a": ".a", "b": ".a", "s": ".as"}[success])
    return f"{rng.choice('CCc')}{place}{expected}{wanted}{success}{failure}"


def cycle(rng: random.Random) -> list[Thread]:
    """Each thread's last access and the next one's first are of one place: a read from a write (rf), a read before a
    write (fr), or two writes (co). It is the cycle of these that a model allows or forbids."""
    n = rng.choice((2, 2, 2, 3, 3, 4))
    edges = [rng.choice(("rf", "fr", "fr", "co")) for _ in range(n)]
    places = [rng.choice(ATOMICS[: rng.choice((2, 3))]) for _ in range(n)]
    values = dict.fromkeys(ATOMICS, 0)
    threads = []

    def access(kind: str, place: str) -> str:
        if kind == "R":
            return read(rng, place)
        values[place] += 1
        return write(rng, place, values[place])

    for i in range(n):
        first = {"rf": "R", "fr": "W", "co": "W"}[edges[i - 1]]
        last = {"rf": "W", "fr": "R", "co": "W"}[edges[i]]
        if places[i - 1] == places[i] and first == last and rng.random() < 0.7:
            threads.append([access(first, places[i])])
            continue
        between = [f"F{order(rng, 'F')}"] if rng.random() < 0.35 else []
        if rng.random() < 0.08:
            between.append(access(rng.choice("RW"), rng.choice(ATOMICS)))
        threads.append([access(first, places[i - 1]), *between, access(last, places[i])])
    return threads


def accesses(rng: random.Random, modifies: float = 0.1, exchanges: float = 0.0) -> list[Thread]:
    n = rng.choice((2, 2, 3, 3, 4))
    places = ATOMICS[: rng.choice((1, 2, 2, 3))]
    left = rng.randint(n + 1, 8 if n < 4 else 7)
    threads: list[Thread] = [[] for _ in range(n)]
    values = dict.fromkeys(ATOMICS, 0)

    for i in range(left):
        place = rng.choice(places)
        chance = rng.random()
        thread = threads[i % n if i < n else rng.randrange(n)]
        if chance < 0.12 and thread:
            thread.append(f"F{order(rng, 'F')}")
        elif chance < 0.12 + exchanges:
            values[place] += 1
            thread.append(exchange(rng, place, rng.randrange(max(1, values[place])), values[place]))
        elif chance < 0.5:
            thread.append(read(rng, place))
        else:
            values[place] += 1
            thread.append(write(rng, place, values[place], modifies))
    return threads


def modify(rng: random.Random) -> list[Thread]:
    return accesses(rng, 0.5, 0.25)


def sequential(rng: random.Random) -> list[Thread]:
    """Most are seq_cst: what is not orders less than one would think."""
    return [
        [word[:3] + "s" if word[0] in "WXAO" and rng.random() < 0.5 else stronger_load(rng, word) for word in thread]
        for thread in (cycle(rng) if rng.random() < 0.7 else accesses(rng))
    ]


def stronger_load(rng: random.Random, word: str) -> str:
    return f"R{word[1]}s" if word[0] == "R" and rng.random() < 0.5 else word


def sender(rng: random.Random, place: str) -> Thread:
    thread = [f"W{rng.choice('dde')}1-"]
    if rng.random() < 0.3:
        thread.append(f"F{order(rng, 'F')}")
    thread.append(write(rng, place, 1, 0.25))
    if rng.random() < 0.35:
        thread.append(write(rng, rng.choice((place, place, "y")), 2, 0.25))
    return thread


def carrier(rng: random.Random, place: str) -> Thread:
    kind = rng.randrange(4)
    if kind == 0:
        return [f"A{place}4{order(rng, 'X')}"]
    if kind == 1:
        return [exchange(rng, place, rng.choice((0, 1, 1, 2)), 3)]
    if kind == 2:
        return [f"R{place}{order(rng, 'R')}", "?1", write(rng, rng.choice((place, "y")), 3, 0.3)]
    return [write(rng, place, 3, 0.3)]


def receiver(rng: random.Random, place: str) -> Thread:
    thread = [read(rng, place)]
    if rng.random() < 0.12:
        thread = [exchange(rng, place, rng.choice((1, 2, 0)), 6)]
    if rng.random() < 0.25:
        thread.append(f"F{order(rng, 'F')}")
    thread.append(f"?{rng.choice((1, 1, 2, 2, 3, 5))}")
    thread.append(rng.choice(("Rd-", "Rd-", "Wd2-", "Re-")))
    return thread


def message(rng: random.Random) -> list[Thread]:
    """Plain memory is handed over by an atomic, or is not."""
    carriers = [carrier(rng, "x") for _ in range(rng.choice((0, 0, 1, 1, 2)))]
    return [sender(rng, "x"), *carriers, receiver(rng, rng.choice("xxxxy"))]


def is_small(threads: list[Thread]) -> bool:
    """herd7 tries each order of the stores of a place."""
    words = [word for thread in threads for word in thread]
    stores = [word[1] for word in words if word[0] not in "RF?"]
    exchanges = sum(word[0] in "Cc" for word in words)
    each = [stores.count(place) for place in ATOMICS]
    return len(words) <= 9 and exchanges <= 2 and max(each) <= 4 and sum(n > 2 for n in each) <= 1 and sum(each) <= 6


def text_of(threads: list[Thread], bits: int) -> str:
    return f"{bits} {' | '.join(' '.join(thread) for thread in threads)}"


def by_chance() -> Iterator[tuple[str, str]]:
    """The kind of a test, and the test, for ever."""
    rng = random.Random(SEED)
    makers: dict[str, Callable[[random.Random], list[Thread]]]
    makers = {"cycle": cycle, "program": accesses, "modify": modify, "message": message, "sequential": sequential}
    seen = set()
    while True:
        for kind, make in makers.items():
            threads = [thread for thread in make(rng) if thread]
            text = text_of(threads, rng.choice((8, 16, 32, 32, 64)))
            key = text.partition(" ")[2]
            if len(threads) > 1 and key not in seen and is_small(threads):
                seen.add(key)
                yield kind, text


# ------------------------------------------------------------------------------------------------ herd7


def name_of(letter: str) -> str:
    return f"memory_order_{ORDERS[letter]}"


@dataclass
class Translation:
    """One thread as herd7 reads it. Weak exchanges that fail without cause are loads, and `fails` names them."""

    number: int
    fails: frozenset[tuple[int, int]]
    lines: list[str]
    registers: int = 0
    exchanges: int = 0
    depth: int = 0

    def read(self, expression: str) -> None:
        self.lines.append(f"int r{self.registers} = {expression};")
        self.registers += 1

    def add(self, at: int, word: str) -> None:
        op, rest = word[0], word[1:]
        if op == "F":
            self.lines.append(f"atomic_thread_fence({name_of(rest)});")
        elif op == "?":
            self.lines.append(f"if (r{self.registers - 1} == {int(rest, 36)}) {{")
            self.depth += 1
        elif op in "Cc":
            self.exchange(rest, (self.number, at) in self.fails)
        else:
            self.access(op, rest[0], rest[1:-1], rest[-1])

    def access(self, op: str, place: str, digit: str, letter: str) -> None:
        value = int(digit or "0", 36)
        if letter == "-" and op == "W":
            self.lines.append(f"*{place} = {value};")
        elif letter == "-":
            self.read(f"*{place}")
        elif op == "W":
            self.lines.append(f"atomic_store_explicit({place},{value},{name_of(letter)});")
        elif op == "R":
            self.read(f"atomic_load_explicit({place},{name_of(letter)})")
        else:
            call = {"X": "exchange", "A": "fetch_add", "O": "fetch_or"}[op]
            self.read(f"atomic_{call}_explicit({place},{value},{name_of(letter)})")

    def exchange(self, rest: str, fails: bool) -> None:
        place, success, failure = rest[0], rest[3], rest[4]
        expected, wanted = (int(digit, 36) for digit in rest[1:3])
        if fails:
            self.read("0")
            self.read(f"atomic_load_explicit({place},{name_of(failure)})")
            return
        own = f"c{self.number}{self.exchanges}"
        self.exchanges += 1
        self.lines.append(f"*{own} = {expected};")
        orders = f"{name_of(success)},{name_of(failure)}"
        self.read(f"atomic_compare_exchange_strong_explicit({place},{own},{wanted},{orders})")
        self.read(f"*{own}")

    def text(self) -> str:
        own = [f"int* c{self.number}{i}" for i in range(self.exchanges)]
        shared = [f"atomic_int* {place}" for place in ATOMICS] + [f"int* {place}" for place in PLAINS]
        body = "\n".join([*self.lines, "}" * self.depth])
        return f"P{self.number} ({', '.join(shared + own)}) {{\n{body}\n}}\n"


def threads_of(text: str) -> list[Thread]:
    return [thread.split() for thread in text.partition(" ")[2].split("|")]


def for_herd(text: str, name: str, fails: frozenset[tuple[int, int]] = frozenset()) -> str:
    translated = []
    for number, thread in enumerate(threads_of(text)):
        translation = Translation(number, fails, [])
        for at, word in enumerate(thread):
            translation.add(at, word)
        translated.append(translation)
    seen = [f"{t.number}:r{i}" for t in translated for i in range(t.registers)] + list(ATOMICS)
    threads = "\n".join(t.text() for t in translated)
    return f"C {name}\n{{}}\n\n{threads}\nlocations [{';'.join(seen)}]\nexists (true)\n"


def spurious(text: str) -> list[frozenset[tuple[int, int]]]:
    """Which weak exchanges fail without cause: each choice of them, but for none."""
    weak = [(t, i) for t, thread in enumerate(threads_of(text)) for i, word in enumerate(thread) if word[0] == "c"]
    return [frozenset(w for b, w in enumerate(weak) if n >> b & 1) for n in range(1, 1 << len(weak))]


@dataclass(frozen=True)
class Result:
    outcomes: frozenset[str]
    races: bool


def state_of(line: str) -> str:
    values = re.findall(r"(?:(\d+):r(\d+)|\[(\w)\])=(-?\d+)", line)
    registers = sorted((int(t), int(r), DIGITS[int(v)]) for t, r, place, v in values if not place)
    places = {place: DIGITS[int(v)] for _, _, place, v in values if place}
    return "".join(v for _, _, v in registers) + "/" + "".join(places.get(place, "0") for place in ATOMICS)


def results(output: str) -> dict[str, Result]:
    found = {}
    for part in re.split(r"^Test ", output, flags=re.M)[1:]:
        states = [line for line in part.splitlines() if re.match(r"(\d+:r\d+|\[\w\])=", line)]
        found[part.split()[0]] = Result(frozenset(map(state_of, states)), "\nUndef" in part or "*undef*" in part)
    return found


# C11's release sequence, and C23's: the head, and what follows it in modification order of its own thread or by
# read-modify-writes, without a gap.
OF_C11 = """let follows = mo & (int | W * RMW)
let rs = [W & (RLX | REL | ACQ_REL | ACQ | SC)]; (id | (follows \\ ((mo \\ follows); mo)))"""


class Herd:
    def __init__(self, path: str, folder: Path) -> None:
        if not shutil.which(path):
            raise UsageError(f"HERD={path}: there is no such program. herd7 is in the package herdtools7.")
        self.path, self.folder = path, folder
        version = subprocess.run([path, "-version"], capture_output=True, text=True, check=True).stdout
        self.version = version.split(",")[0]
        library = subprocess.run([path, "-libdir"], capture_output=True, text=True, check=True).stdout.split()[-1]
        model = (Path(library) / "rc11.cat").read_text()
        of_c11, changed = re.subn(r"^let rs = .*$", lambda _: OF_C11, model, flags=re.M)
        assert changed == 1
        (folder / "c11rs.cat").write_text(of_c11)

    def run(self, tests: dict[str, str], model: str, seconds: int) -> dict[str, Result]:
        for name, text in tests.items():
            (self.folder / f"{name}.litmus").write_text(text)
        limit = ["-timeout", str(seconds)] if seconds else []
        command = [self.path, "-model", model, *limit, *(f"{name}.litmus" for name in tests)]
        ran = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        return results(ran.stdout)


def variants(tests: Iterable[str]) -> dict[str, str]:
    """Each test for herd7, and each with weak exchanges that fail: NUMBERsCHOICE."""
    made = {}
    for number, text in enumerate(tests):
        made[f"t{number}s0"] = for_herd(text, f"t{number}s0")
        for i, fails in enumerate(spurious(text)):
            made[f"t{number}s{i + 1}"] = for_herd(text, f"t{number}s{i + 1}", fails)
    return made


def line_of(text: str, of_rc11: list[Result | None], of_c11: list[Result | None]) -> str | None:
    """None: herd7 did not get through it, or it has too many outcomes."""
    allowed, of_races = ([result for result in results if result] for results in (of_rc11, of_c11))
    if len(allowed) < len(of_rc11) or len(of_races) < len(of_c11):
        return None
    if any(result.races for result in of_races):
        return f"{text} : race"
    strong, *weak = (result.outcomes for result in allowed)
    more: frozenset[str] = frozenset().union(*weak) - strong
    if not strong or len(strong) + len(more) > MOST_OUTCOMES:
        return None
    return " ".join([text, ":", *sorted(strong), *(["+", *sorted(more)] if more else [])])


def lines(herd: Herd, tests: list[str], seconds: int) -> list[str | None]:
    """The lines of the table; None: it is not for it."""
    made = variants(tests)
    rc11 = herd.run(made, "rc11.cat", seconds)
    may_race = {name: text for name, text in made.items() if any(f"*{place}" in text for place in PLAINS)}
    c11 = rc11 | herd.run(may_race, "c11rs.cat", seconds)
    found: list[str | None] = []
    for number, text in enumerate(tests):
        names = [f"t{number}s{i}" for i in range(len(spurious(text)) + 1)]
        found.append(line_of(text, [rc11.get(name) for name in names], [c11.get(name) for name in names]))
    return found


def new_tests(herd: Herd) -> list[str]:
    """Lines of new tests: those that herd7 gets through in time."""
    wanted, source, found = dict(TESTS), by_chance(), []
    while any(wanted.values()):
        batch = [(kind, text) for kind, text in (next(source) for _ in range(200)) if wanted[kind]]
        for (kind, _), line in zip(batch, lines(herd, [text for _, text in batch], IN_TIME), strict=True):
            if line and wanted[kind]:
                wanted[kind] -= 1
                found.append(line)
    return found


def anew(herd: Herd, table: list[str]) -> list[str]:
    tests = [line.partition(" :")[0] for line in table]
    made = [line for i in range(0, len(tests), 200) for line in lines(herd, tests[i : i + 200], 0)]
    return [line or f"{test} : herd7 says nothing" for line, test in zip(made, tests, strict=True)]


def make_table(herd: Herd) -> str:
    old = [line for line in TABLE.read_text().splitlines() if line[0] != "#"] if TABLE.exists() else []
    head = [
        f"# Tests by litmus.py, outcomes by herd7 {herd.version} (herdtools7) with its model rc11.cat; whether there",
        "# is a race, by the same with the release sequences of C11. What a line says: see litmus.py.",
    ]
    return "\n".join([*head, *(anew(herd, old) if old else new_tests(herd))]) + "\n"


# --------------------------------------------------------------------------------------------- the scheduler

SCHEDULES = 100_000  # of each test at most
LAST = re.compile(
    r"(?P<tests>\d+) tests: (?P<equal>\d+) equal, (?P<forbidden>\d+) show what is forbidden, "
    r"(?P<incomplete>\d+) do not show all \((?P<cut>\d+) of them have too many schedules\), "
    r"(?P<races>\d+) are wrong about a race"
)


@dataclass(frozen=True)
class Compared:
    """What the scheduler shows, and what is listed: a line for each test that differs, and how many do."""

    differing: list[str]
    tests: int
    equal: int
    forbidden: int
    incomplete: int
    cut: int
    races: int


def program(compiler: str) -> Path:
    path = f"build/interleave-tests/{compiler}/outcomes.suite"
    subprocess.run(["make", "-s", "-j2", "-f", f"{HERE}/Makefile", f"CC={compiler}", path], cwd=ROOT, check=True)
    return ROOT / path


def compare(compiler: str, table: str) -> Compared:
    # clang's instrumentation does not say that an exchange is a weak one.
    command = [str(program(compiler)), str(SCHEDULES), *(["strong"] if "clang" in compiler else [])]
    ran = subprocess.run(command, input=table, capture_output=True, text=True, check=False)
    *differing, last = ran.stdout.splitlines() or [""]
    counts = LAST.fullmatch(last)
    if not counts:
        raise RuntimeError(f"{command[0]} ends with {ran.returncode}: {last} {ran.stderr}")
    return Compared(differing, **{name: int(n) for name, n in counts.groupdict().items()})


def remake(herd_path: str) -> bool:
    """True: the table is as it was."""
    before = TABLE.read_text() if TABLE.exists() else ""
    with tempfile.TemporaryDirectory() as folder:
        herd = Herd(herd_path, Path(folder))
        TABLE.write_text(make_table(herd))
    same = before == TABLE.read_text()
    print("herd7 says what the table said." if same else f"{TABLE.name} is another one now: see git diff.")
    return same


def main() -> int:
    streams.prepare()
    refuse_unknown("litmus", lambda: {"litmus": ["HERD"]})
    herd_path = typed.now().word("HERD")
    good = not herd_path or remake(herd_path)
    for compiler in filter(shutil.which, ("cc", "clang")):
        found = compare(compiler, TABLE.read_text())
        print("".join(f"{line}\n" for line in found.differing), end="")
        print(
            f"{compiler}: of {found.tests} tests {found.equal} show exactly what RC11 allows, {found.forbidden} more, "
            f"{found.incomplete} less ({found.cut} for want of schedules); {found.races} are wrong about a race"
        )
        good &= not found.forbidden and not found.races and found.incomplete == found.cut
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GraderError as error:
        tell(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
