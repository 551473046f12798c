"""Tables of docs/explanation/query-performance.md."""

from __future__ import annotations

import os
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from benchmarks.shared import report
from benchmarks.shared.questions import FOURTEEN, TARGETS, Question, with_sql

ORDER: Final = (
    "sqlite",
    "postgres",
    "mysql",
    "mongo",
    "clickhouse",
    "parquet",
)

_HOW: Final = (
    "Median of up to five runs in ms, with the best and the worst; ✓ where the target is met. "
    "The load of the machine was {:.1f} at the end."
)


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
        spread = f"{_ms(median(self.times))} ({_ms(min(self.times))}-{_ms(max(self.times))})"
        if limit is None:
            return spread
        return f"{spread} {'✓' if median(self.times) <= limit else '✗'}"


class Measured(NamedTuple):
    """What was measured of a store.

    Attributes:
        title: Product and version.
        records: How many it has.
        load_seconds: How long the bulk load took.
        rollup_seconds: How long all rollups took to be made.
        answers: By title of the question.
        by_hand: The same, for SQL written by hand.
        memory: Peaks by what was done, with 20,000 and with 200,000 records.
    """

    title: str
    records: int
    load_seconds: float
    rollup_seconds: float
    answers: dict[str, Found]
    by_hand: dict[str, Found]
    memory: dict[str, list[Peak]]


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def markdown(found: dict[str, Measured], bound: dict[str, Found], duckdb: str) -> str:
    """Return what is written into the page.

    Args:
        found: What was measured, by store.
        bound: Answers of DuckDB.
        duckdb: Its version.
    """
    names = [name for name in ORDER if name in found]
    titles = [f"{found[name].title}, {found[name].records:,} records" for name in names]
    targets = [
        [question.title, _limits(question, names)]
        + [found[n].answers[question.title].cell(question.limit(n)) for n in names]
        + [bound[question.title].cell() if question.title in bound else ""]
        for question in TARGETS
    ]
    by_hand = [
        [
            question.title,
            *(found[n].by_hand[question.title].cell() for n in names if found[n].by_hand),
        ]
        for question in with_sql()
    ]
    fourteen = [
        [question.title, *(found[n].answers[question.title].cell() for n in names)]
        for question in FOURTEEN
    ]
    memory = [
        [what, *(" / ".join(map(str, found[n].memory[what])) for n in names)]
        for what in next(iter(found.values())).memory
    ]
    made = [
        ["bulk load, s", *(f"{found[n].load_seconds:,.0f}" for n in names)],
        ["all rollups, s", *(f"{found[n].rollup_seconds:,.0f}" for n in names)],
    ]
    by_sql_titles = [t for n, t in zip(names, titles, strict=True) if found[n].by_hand]
    return "\n\n".join(
        (
            report.machine(others={duckdb.split(maxsplit=1)[0]: duckdb.rsplit(maxsplit=1)[-1]}),
            _HOW.format(os.getloadavg()[0]),
            "### Questions with a target",
            report.table(
                ["question", "target, ms", *titles, f"{duckdb} on Parquet"], targets, texts=2
            ),
            "### The same in SQL, written by hand",
            report.table(["question", *by_sql_titles], by_hand),
            "### The other questions of an analyst",
            report.table(["question", *titles], fourteen),
            "### Peak memory and time, with 20,000 and with 200,000 records",
            report.table(["what is read", *titles], memory),
            "### What had to be made before",
            report.table(["step", *titles], made),
        )
    )


def _limits(question: Question, names: Sequence[str]) -> str:
    limits = [question.limit(name) for name in names]
    if len(set(limits)) == 1:
        return _ms(limits[0] or 0.0)
    return " / ".join(_ms(limit or 0.0) for limit in limits)
