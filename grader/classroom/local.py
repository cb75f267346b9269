"""The engine of one machine: workers beside each other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from grader.classroom import workers
from grader.classroom.group import Class, Job, give_up

ATTEMPTS = 2  # for what is the machine's fault


@dataclass
class Local:
    """The engine of one machine: `jobs` workers beside each other."""

    name: str = "local"
    notes: tuple[str, ...] = ()
    _stopping: threading.Event = field(default_factory=threading.Event)
    _since: dict[str, float] = field(default_factory=dict)  # student: when it was begun

    def at_work(self) -> Mapping[str, float]:
        return dict(self._since)

    def run(self, group: Class, jobs: Sequence[Job]) -> Generator[Job, None, None]:
        todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
        done: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            todo.put(job)
        threads = [
            threading.Thread(target=self._work, args=(group, todo, done), daemon=True)
            for _ in range(min(group.jobs, len(jobs)))
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in jobs:
                yield done.get()
        finally:
            self._stopping.set()
            workers.stop()

    def _work(self, group: Class, todo: queue.SimpleQueue[Job], done: queue.SimpleQueue[Job]) -> None:
        while not self._stopping.is_set():
            try:
                job = todo.get_nowait()
            except queue.Empty:
                return
            self._since[job.student] = time.monotonic()
            while not workers.run_job(group, job) and job.attempts < ATTEMPTS:
                if self._stopping.is_set():
                    return
            self._since.pop(job.student, None)
            if self._stopping.is_set():
                return
            give_up(group, job)
            done.put(job)
