"""What the programs are asked to do."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Workload:
    """One line of arguments, and the name it has in the tables."""

    key: str
    title: str
    kind: str
    messages: int
    threads: int = 1
    size: int = 8
    capacity: int = 0
    pinned: bool = False  # each thread stays on its processor

    def arguments(self, messages: int) -> list[str]:
        """What a program is called with, for that many messages."""
        numbers = [messages, self.threads, self.size, self.capacity]
        if self.kind == "tickets":
            numbers = [messages, self.threads, self.capacity]
        return [self.kind, *map(str, numbers)]


SENDERS = [1, 2, 4, 8, 16, 64]
SIZES = [8, 64, 512, 4096, 32768, 65536]

UNBOUNDED_1 = Workload("a", "one sender, unbounded, 8-byte messages", "unbounded", 5_000_000)
UNBOUNDED_4 = Workload("b", "four senders, unbounded", "unbounded", 5_000_000, threads=4)
BOUNDED_128 = Workload("c", "four senders, bounded, capacity 128", "bounded", 2_000_000, threads=4, capacity=128)
BOUNDED_1 = Workload("d", "four senders, bounded, capacity 1", "bounded", 500_000, threads=4, capacity=1)
PINGPONG = Workload("e", "ping-pong over two channels", "pingpong", 500_000)
REQUESTS = Workload("f", "four clients, one server, 64-byte messages", "requests", 500_000, threads=4, size=64)
TICKETS = Workload("g", "the ticket server, four clients", "tickets", 500_000, 4, capacity=128)

MAIN = [UNBOUNDED_1, UNBOUNDED_4, BOUNDED_128, BOUNDED_1, PINGPONG, REQUESTS, TICKETS]
PINNED = [replace(w, key=f"{w.key}-pinned", title=f"{w.title}, pinned", pinned=True) for w in MAIN]


def by_senders() -> list[Workload]:
    """(h): b and f with more and fewer threads."""
    return [
        Workload(f"h-send-{n}", f"{n} senders, unbounded", "unbounded", 5_000_000, n)
        for n in SENDERS
        if n not in (1, 4)
    ] + [Workload(f"h-ask-{n}", f"{n} clients, one server", "requests", 500_000, n, size=64) for n in SENDERS if n != 4]


MEMORY = [
    Workload("i-queued", "memory for each queued 8-byte message", "queued", 1_000_000),
    Workload("i-emptied", "memory that is kept when all of them are received", "emptied", 1_000_000),
    Workload("i-rest", "memory for a channel without messages", "at_rest", 10_000),
]


def by_size() -> list[Workload]:
    """(j): a with larger messages."""
    return [
        Workload(
            f"j-{size}",
            f"one sender, unbounded, {size}-byte messages",
            "unbounded",
            max(2_000, 200_000_000 // size),
            size=size,
        )
        for size in SIZES
        if size != 8
    ]


# What the machine allows, as limits.c measures it: nanoseconds each, and how often in a round.
LIMITS = [
    Workload("rmw", "`fetch_add` on a word of one's own", "rmw", 20_000_000),
    Workload("rmw_shared", "`fetch_add` on a word that another processor changes too", "rmw_shared", 5_000_000),
    Workload("cache_line", "a cache line handed over to the other processor", "cache_line", 500_000),
    Workload("fiber", "a switch to another stack of the same thread, as goroutines do", "fiber", 20_000_000),
    Workload("yield", "`sched_yield` to another thread of the same processor", "yield", 200_000),
    Workload("switch", "futex wake-up and switch on one processor", "switch", 100_000),
    Workload("wake", "futex wake-up of a thread on the other, idle processor", "wake", 3_000),
    Workload("copy", "copying 64 KiB", "copy", 20_000),
]
