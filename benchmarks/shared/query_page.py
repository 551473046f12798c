"""Tables of docs/explanation/query-performance.md and query-performance-large.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.shared import report
from benchmarks.shared.query_results import Measured, key, ms
from benchmarks.shared.questions import FOURTEEN, TARGETS, Question, with_sql

ORDER: Final = (
    "sqlite",
    "postgres",
    "mysql",
    "mongo",
    "clickhouse",
    "parquet",
)

_DUCKDB: Final = "duckdb"
_MANY, _MORE, _FEW = 3_000_000, 30_000_000, 30_000

_PARTS: Final = {
    "query": (
        ("sqlite", _MANY),
        ("postgres", _MANY),
        ("mysql", _MANY),
        ("mongo", _FEW),
        (_DUCKDB, _MANY),
    ),
    "query-large": (
        ("clickhouse", _MANY),
        ("clickhouse", _MORE),
        ("parquet", _MANY),
        ("parquet", _MORE),
        (_DUCKDB, _MORE),
    ),
}
"""Parts of the pages, to the columns of their tables. Other numbers of records are only printed."""

_HOW: Final = (
    "Median of up to five runs in ms, with the best and the worst; ✓ where the target is met."
)

_Column = tuple[str, Measured]
"""The name of a store, and what was measured of it."""


def part_of(name: str, records: int) -> str | None:
    """Return the part that has a column for a store with so many records; None without one."""
    having = (part for part, places in _PARTS.items() if (name, records) in places)
    return next(having, None)


def markdown(part: str, found: dict[str, Measured]) -> str:
    """Return what is written into a page.

    Args:
        part: The name of the part.
        found: What was measured, by `key`.
    """
    columns = [
        (name, found[key(name, records)])
        for name, records in _PARTS[part]
        if key(name, records) in found
    ]
    has_store = any(name != _DUCKDB for name, _ in columns)
    return "\n\n".join([_HOW, *(_tables(columns) if has_store else [])])


def _tables(columns: Sequence[_Column]) -> list[str]:
    stores = [column for column in columns if column[0] != _DUCKDB]
    by_hand = [column for column in columns if column[1].by_hand]
    parts = ["### Questions with a target", _targets(columns)]
    if by_hand:
        asked = [question.title for question in with_sql()]
        rows = [[t, *(each.by_hand[t].cell() for _, each in by_hand)] for t in asked]
        parts += ["### The same in SQL, written by hand", _table("question", by_hand, rows)]
    asked = [question.title for question in FOURTEEN]
    rows = [[t, *(each.answers[t].cell() for _, each in stores)] for t in asked]
    parts += ["### The other questions of an analyst", _table("question", stores, rows)]
    rows = [
        [what, *(" / ".join(map(str, each.memory[what])) for _, each in stores)]
        for what in stores[0][1].memory
    ]
    parts += [
        "### Peak memory and time, with 20,000 and with 200,000 records",
        _table("what is read", stores, rows),
    ]
    rows = [
        ["bulk load, s", *(_seconds(each.load_seconds) for _, each in stores)],
        ["all rollups, s", *(_seconds(each.rollup_seconds) for _, each in stores)],
        ["measured", *(each.when for _, each in stores)],
    ]
    return [*parts, "### What had to be made before", _table("step", stores, rows)]


def _targets(columns: Sequence[_Column]) -> str:
    names = [name for name, _ in columns if name != _DUCKDB]
    rows = [
        [question.title, _limits(question, names), *(_cell(question, *each) for each in columns)]
        for question in TARGETS
    ]
    heads = [each.head for _, each in columns]
    return report.table(["question", "target, ms", *heads], rows, texts=2)


def _cell(question: Question, name: str, measured: Measured) -> str:
    answer = measured.answers.get(question.title)
    if answer is None:
        return ""
    return answer.cell(None if name == _DUCKDB else question.limit(name))


def _table(first: str, columns: Sequence[_Column], rows: Sequence[Sequence[str]]) -> str:
    return report.table([first, *(each.head for _, each in columns)], rows)


def _seconds(found: float | None) -> str:
    return "" if found is None else f"{found:,.0f}"


def _limits(question: Question, names: Sequence[str]) -> str:
    limits = [question.limit(name) for name in names]
    if len(set(limits)) == 1:
        return ms(limits[0] or 0.0)
    return " / ".join(ms(limit or 0.0) for limit in limits)
