"""Measured by `benchmarks.delivery`: a process that delivers the backlog in its journal."""

from __future__ import annotations

import itertools
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import NamedTuple

from flask import Flask

from benchmarks.shared.process import rss_mib
from flask_chest import FlaskChest, hookimpl
from flask_chest.exporter import Batch

JOURNAL_BYTES = 64 * 1024**3
PATIENCE_SECONDS = 7_200.0


@dataclass
class Drain:
    """What one process measured, from its first batch on: connecting is not counted.

    Attributes:
        rate: Records per second.
        cpu_us: CPU time of this process, user and system, in microseconds a record.
        tenths: Records per second of each tenth of the backlog.
        rss_before: Resident memory before the delivery, in MiB.
        rss_early: Peak in the first tenth.
        rss_most: Peak of the whole delivery.
    """

    rate: float
    cpu_us: float
    tenths: list[float]
    rss_before: float
    rss_early: float
    rss_most: float


def read_drain(line: str) -> Drain:
    """Return what a worker printed."""
    return Drain(**json.loads(line))


class Sample(NamedTuple):
    """What is measured after a batch was committed."""

    delivered: int
    moment: float
    cpu: float
    rss: float


class Watch:
    """A plugin that measures this process after each batch."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._delivered = 0

    @hookimpl
    def chest_exported(self, batch: Batch) -> None:
        """Take a sample."""
        self._delivered += len(batch)
        now = time.perf_counter()
        self.samples.append(Sample(self._delivered, now, time.process_time(), rss_mib()))


def drain(url: str, journal: str, number: int) -> Drain:
    """Deliver all records of a journal.

    Raises:
        RuntimeError: Some were not delivered.
    """
    app, watch = Flask("delivery"), Watch()
    chest = FlaskChest(exporters={"main": url}, journal=journal, journal_max_bytes=JOURNAL_BYTES)
    chest.register_plugin(watch)
    chest.init_app(app)
    before = rss_mib()
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
