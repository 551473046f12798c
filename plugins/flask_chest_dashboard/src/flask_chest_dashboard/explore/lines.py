"""Charts over time from the rows of an answer: a line for each group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from flask_chest_dashboard import formats
from flask_chest_dashboard.charts.series import Chart, Series

MOST_LINES: Final = 8
"""Groups that have a line of their own: as many as there are colours."""

_TITLE: Final = 60
"""Characters of the name of a line."""


def charts_of(
    rows: Sequence[dict[str, Any]], measures: Sequence[str], by: Sequence[str], kind: str
) -> list[Chart]:
    """Return the charts of an answer with buckets.

    Args:
        rows: In the order of time, all groups in each bucket.
        measures: Those that are numbers.
        by: The names that make the groups.
        kind: ``lines`` or ``bars``.
    """
    if not by:
        return [
            Chart.of_rows(", ".join(names), rows, names, kind) for names in _alike(measures, kind)
        ]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple((type(row[name]), row[name]) for name in by)
        groups.setdefault((*key, "rest" in row), []).append(row)
    buckets = [datetime.fromisoformat(row["bucket"]) for row in next(iter(groups.values()), [])]
    return [
        Chart(
            f"{measure} by {', '.join(by)}",
            buckets,
            [_line(of, measure, by) for of in groups.values()],
            formats.unit_of(measure),
            kind,
        )
        for measure in measures
    ]


def title_of(row: dict[str, Any], by: Sequence[str]) -> str:
    """Return the name of a group."""
    if "rest" in row:
        return f"the rest ({row['rest']:,})"
    text = ", ".join(formats.value(row[name]) for name in by)
    return text if len(text) <= _TITLE else f"{text[: _TITLE - 1]}…"


def _line(rows: Sequence[dict[str, Any]], measure: str, by: Sequence[str]) -> Series:
    values = [row[measure] for row in rows]
    return Series(title_of(rows[0], by), values, "rest" if "rest" in rows[0] else "")


def _alike(measures: Sequence[str], kind: str) -> list[list[str]]:
    """Return the measures that are in one chart: durations together, and shares."""
    found: dict[str, list[str]] = {}
    for each in measures:
        unit = formats.unit_of(each)
        found.setdefault(each if unit == "count" or kind == "bars" else unit, []).append(each)
    return list(found.values())
