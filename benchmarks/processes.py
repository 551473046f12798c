"""What many processes on one journal cost each other, and how fast a takeover is.

Run by `make bench-processes`. Writers append to one folder at the same time. There are more writers
than cores, so the figures are the CPU time of a record, beside that of as many writers with a
folder each, and how often the writing thread waited. `strace`, where it is installed, counts the
system calls of a writer. Then the leader is killed repeatedly, and the time is measured until
another process has delivered its last record.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.shared import charts, report
from benchmarks.workers.processes import Written, read_written

ROOT: Final = Path(__file__).parent.parent
WRITERS: Final = (1, 2, 4, 8)
INTERVAL_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 60.0
TRACED: Final = ("write", "futex", "flock", "fcntl")
_POLL_SECONDS: Final = 0.002


class Worker:
    """A process that acts on each line on its stdin."""

    def __init__(self, *arguments: str, before: Sequence[str] = ()) -> None:
        command = [*before, sys.executable, "-m", "benchmarks.workers.processes", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, what: object = "go") -> None:
        """Send it a line."""
        if self.process.stdin is None:
            raise RuntimeError("no pipe")
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def receive(self) -> str:
        """Return the next line that it prints.

        Raises:
            RuntimeError: It has ended.
        """
        if self.process.stdout is None or not (line := self.process.stdout.readline()):
            raise RuntimeError("a worker has ended")
        return line

    def ask(self) -> None:
        """Make it serve one request."""
        self.send()
        self.receive()

    def end(self) -> None:
        """Kill it, and wait for its end."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


# -- Writers -------------------------------------------------------------------------------------


def write(workers: Sequence[Worker], *, is_shared: bool) -> list[Written]:
    """Let workers write at the same time, to one folder or to a folder each."""
    with tempfile.TemporaryDirectory(prefix="chest-processes-") as folder:
        for number, worker in enumerate(workers):
            worker.send(folder if is_shared else f"{folder}/{number}")
        for worker in workers:
            worker.receive()
        for worker in workers:
            worker.send()
        return [read_written(worker.receive()) for worker in workers]


Turns: TypeAlias = dict[int, list[tuple[list[Written], list[Written]]]]
"""By the number of writers: the cost of each round in one folder, and in a folder each."""


def measure_writers(workers: Sequence[Worker], rounds: int) -> Turns:
    """Return the cost of each round, by the number of writers."""
    found: Turns = {number: [] for number in WRITERS}
    for worker in workers:
        write([worker], is_shared=True)  # to warm up
    for _ in range(rounds):
        for number in random.sample(WRITERS, len(WRITERS)):
            first, *_ = both = random.sample([True, False], 2)
            turns = [write(workers[:number], is_shared=is_shared) for is_shared in both]
            found[number].append((turns[not first], turns[first]))
    return found


def system_calls(workers: Sequence[Worker], records: int) -> dict[str, float] | None:
    """Return how often one more writer makes each system call, a record; None without strace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    with tempfile.TemporaryDirectory(prefix="chest-strace-") as folder:
        path = Path(folder) / "calls"
        tracing = (strace, "-f", "-qq", "-o", str(path), "-e", f"trace={','.join(TRACED)}")
        traced = Worker("write", str(records), before=tracing)
        write([traced, *workers], is_shared=True)
        traced.end()
        _, _, rest = path.read_text("utf-8").partition('write(1, "ready')
    while_writing, _, _ = rest.partition('write(1, "{')
    return {name: while_writing.count(f" {name}(") / records for name in TRACED}


def writers_page(found: Turns, calls: dict[str, float] | None) -> str:
    """Return a table, a chart and a sentence."""
    rows, bars = [], []
    for number, turns in found.items():
        shared, apart = ([mean_cpu(turn[kind]) for turn in turns] for kind in (0, 1))
        every = [each for turn in turns for each in turn[0]]
        spread = report.spread(shared)
        rows.append(
            (
                str(number),
                *spread.cells(2),
                *report.spread(apart).cells(2),
                *report.spread(a / b for a, b in zip(shared, apart, strict=True)).cells(2),
                f"{sum(each.waits for each in every) / len(every) * 1000:.2f}",
                f"{sum(each.preempted for each in every) / len(every) * 1000:.2f}",
            )
        )
        bars.append(charts.Bar.of(f"{number} in one journal", spread))
        bars.append(charts.Bar.of(f"{number} in a journal each", report.spread(apart)))
    head = (
        *("writers", "CPU, us a record", "quartiles"),
        *("with a journal each", "quartiles", "ratio", "quartiles"),
        *("waits, per 1,000 records", "preempted, per 1,000 records"),
    )
    parts = [
        report.table(head, rows),
        charts.bar_chart(
            "processes", "Writers of a record at the same time", bars, "us of CPU a record", ours=""
        ),
    ]
    if calls is not None:
        made = ", ".join(f"{calls[name]:.4f} {name}" for name in TRACED)
        parts.append(
            f"System calls a record of one writer beside {max(WRITERS) - 1} others, by `strace`, "
            f"with those of the thread that syncs each second: {made}."
        )
    return "\n\n".join(parts)


def mean_cpu(written: Sequence[Written]) -> float:
    """Return the mean microseconds of CPU time of a record."""
    return sum(each.cpu_us for each in written) / len(written)


# -- Takeover ------------------------------------------------------------------------------------


def measure_takeover(kills: int) -> list[float]:
    """Return the seconds from each kill until another process has delivered the last record."""
    taken: list[float] = []
    with tempfile.TemporaryDirectory(prefix="chest-takeover-") as folder:
        place = (folder, str(INTERVAL_SECONDS))
        leader = Worker("serve", *place)
        leader.receive()
        leader.ask()
        number = 1
        wait_for(Path(folder), number)
        while len(taken) < kills:
            standby = Worker("serve", *place)
            standby.receive()
            standby.ask()
            number += 1
            wait_for(Path(folder), number)
            time.sleep(random.random() * INTERVAL_SECONDS)  # noqa: S311 - at any moment of it
            leader.ask()
            leader.process.kill()
            killed = time.perf_counter()
            number += 1
            if stored(Path(folder)) < number:  # else it was delivered before the kill
                wait_for(Path(folder), number)
                taken.append(time.perf_counter() - killed)
            leader.end()
            leader = standby
        leader.end()
        if stored(Path(folder)) != number:
            raise RuntimeError(f"{stored(Path(folder))} rows of {number} records")
    return taken


def stored(folder: Path) -> int:
    """Return the number of rows."""
    with closing(sqlite3.connect(folder / "chest.sqlite3", timeout=10)) as connection:
        try:
            found = connection.execute("SELECT count(*) FROM chest_records").fetchone()
        except sqlite3.OperationalError:  # not created yet
            return 0
        return int(found[0])


def wait_for(folder: Path, number: int) -> None:
    """Wait until a number of records is stored.

    Raises:
        RuntimeError: They are not within `PATIENCE_SECONDS`.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while stored(folder) < number:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{stored(folder)} of {number} records are stored")
        time.sleep(_POLL_SECONDS)


def takeover_page(taken: Sequence[float]) -> str:
    """Return a table."""
    found = report.spread(taken)
    middle, quartiles = found.cells(2)
    head = ("kills", "interval, s", "median, s", "quartiles", "longest, s")
    row = (str(len(taken)), f"{INTERVAL_SECONDS:g}", middle, quartiles, f"{max(taken):.2f}")
    return (
        "Two processes; the leader is killed with `kill -9` just after it recorded a request. Time "
        "until the other has delivered that record:\n\n" + report.table(head, [row])
    )


def main() -> None:
    """Measure, print, and write `processes` of docs/explanation/performance-delivery.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--records", type=int, default=20_000, help="of each writer in a round")
    parser.add_argument("--kills", type=int, default=12)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    workers = [Worker("write", str(given.records)) for _ in range(max(WRITERS))]
    try:
        found = measure_writers(workers, given.rounds)
        calls = system_calls(workers[1:], given.records)
    finally:
        for worker in workers:
            worker.end()
    taken = measure_takeover(given.kills)
    parts = (
        report.machine(),
        (
            f"{given.rounds} rounds of {given.records:,} records from each writer, in turns. "
            f"The load of the machine was {load:.1f} before the start."
        ),
        writers_page(found, calls),
        takeover_page(taken),
    )
    report.write("processes", "\n\n".join(parts))


if __name__ == "__main__":
    main()
