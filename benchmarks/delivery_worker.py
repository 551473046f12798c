"""The process that `delivery.py` measures: an application with a backlog in its journal."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from flask import Flask

from flask_chest import FlaskChest, hookimpl
from flask_chest.exporter import Batch

JOURNAL_BYTES = 64 * 1024**3
PATIENCE_SECONDS = 7_200.0


@dataclass
class Drain:
    """What one process measured, from its first batch on: to connect has a price of its own.

    Attributes:
        rate: Records per second.
        cpu_us: CPU time of this process, user and system, in microseconds a record.
        tenths: Records per second of each tenth of the backlog.
        rss_before: MiB of resident memory before.
        rss_early: The most of it in the first tenth.
        rss_most: The most of it at all.
    """

    rate: float
    cpu_us: float
    tenths: list[float]
    rss_before: float
    rss_early: float
    rss_most: float


def read_drain(line: str) -> Drain:
    """Return what a worker has printed."""
    return Drain(**json.loads(line))


class Sample(NamedTuple):
    """What is known once a batch has been committed."""

    delivered: int
    moment: float
    cpu: float
    rss: float


class Watch:
    """A plugin that looks at this process after each batch."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._delivered = 0

    @hookimpl
    def chest_exported(self, batch: Batch) -> None:
        """Look."""
        self._delivered += len(batch)
        now = time.perf_counter()
        self.samples.append(Sample(self._delivered, now, time.process_time(), rss()))


def rss() -> float:
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def drain(url: str, journal: str, number: int) -> Drain:
    """Deliver all that waits in a journal.

    Raises:
        RuntimeError: Not all of it could be delivered.
    """
    app, watch = Flask("delivery"), Watch()
    chest = FlaskChest(exporters={"main": url}, journal=journal, journal_max_bytes=JOURNAL_BYTES)
    chest.register_plugin(watch)
    chest.init_app(app)
    before = rss()
    with app.app_context():
        arrived = chest.flush(timeout=PATIENCE_SECONDS)
    samples = watch.samples
    first, last = samples[0], samples[-1]
    if not arrived or last.delivered != number:
        raise RuntimeError(f"{last.delivered} of {number} records were delivered")
    reached = [
        next(sample for sample in samples if sample.delivered >= number * tenth // 10)
        for tenth in range(1, 11)
    ]
    return Drain(
        rate=(number - first.delivered) / (last.moment - first.moment),
        cpu_us=(last.cpu - first.cpu) / (number - first.delivered) * 1e6,
        tenths=[
            (b.delivered - a.delivered) / (b.moment - a.moment)
            for a, b in itertools.pairwise([first, *reached])
            if b is not a
        ],
        rss_before=before,
        rss_early=max(sample.rss for sample in samples[: samples.index(reached[0]) + 1]),
        rss_most=max(sample.rss for sample in samples),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(drain(sys.argv[1], sys.argv[2], int(sys.argv[3])))), flush=True)
