"""What was measured of each store by `benchmarks.query`, kept from one run to the next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

FILE: Final = Path(__file__).parents[1] / "results" / "query.json"


class Peak(NamedTuple):
    """The most memory of a process, and how long it ran."""

    mib: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.mib:.0f} MiB in {self.seconds:,.0f} s"


class Found(NamedTuple):
    """How long a question took.

    Attributes:
        times: Of each run, in ms; empty when it was given up.
        reason: Why.
    """

    times: list[float]
    reason: str = ""

    def cell(self, limit: float | None = None) -> str:
        """Return the cell of a table: median, best and worst, and whether the target is met."""
        if not self.times:
            return self.reason
        spread = f"{ms(median(self.times))} ({ms(min(self.times))}-{ms(max(self.times))})"
        if limit is None:
            return spread
        return f"{spread} {'✓' if median(self.times) <= limit else '✗'}"


@dataclass(frozen=True)
class Measured:
    """What was measured of a store.

    Attributes:
        title: Product and version.
        records: How many it has.
        when: The day, and the load of the machine at the end.
        answers: By title of the question.
        load_seconds: How long the bulk load took; None for what is no store.
        rollup_seconds: How long all rollups took to be made.
        by_hand: As `answers`, for SQL written by hand.
        memory: Peaks by what was done, with 20,000 and with 200,000 records.
    """

    title: str
    records: int
    when: str
    answers: dict[str, Found]
    load_seconds: float | None = None
    rollup_seconds: float | None = None
    by_hand: dict[str, Found] = field(default_factory=dict)
    memory: dict[str, list[Peak]] = field(default_factory=dict)

    @property
    def head(self) -> str:
        """The head of its column."""
        return f"{self.title}, {self.records:,} records"


def ms(value: float) -> str:
    """Return a number of milliseconds as a table has it."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def key(store: str, records: int) -> str:
    """Return the name of what was measured of a store with so many records."""
    return f"{store} {records}"


def kept() -> dict[str, Measured]:
    """Return what was measured last, by `key`."""
    known: dict[str, dict[str, Any]] = json.loads(FILE.read_text("utf-8"))
    return {name: _of(fields) for name, fields in known.items()}


def keep(found: dict[str, Measured]) -> dict[str, Measured]:
    """Write what was measured now, in place of what it replaces; return all."""
    together = dict(sorted({**kept(), **found}.items()))
    fields = {name: asdict(measured) for name, measured in together.items()}
    FILE.write_text(json.dumps(fields, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return together


def _of(fields: dict[str, Any]) -> Measured:
    for name in ("answers", "by_hand"):
        fields[name] = {title: Found(*found) for title, found in fields[name].items()}
    fields["memory"] = {
        what: [Peak(*each) for each in peaks] for what, peaks in fields["memory"].items()
    }
    return Measured(**fields)
