"""The charts of the overview and of a route: requests, failures and durations over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flask_chest_dashboard.charts.series import Chart, Series

if TYPE_CHECKING:
    from flask_chest_dashboard.asking import Asker
    from flask_chest_dashboard.window import Window

_PERCENTILES: Final = ("p50(duration_ms)", "p95(duration_ms)", "p99(duration_ms)")
_MEASURES: Final = ("count", "errors", "error_rate", *_PERCENTILES)


def charts_of(asker: Asker, window: Window, where: str | None, tz: str) -> list[Chart]:
    """Return the charts, with the time before as a dashed line; none when there is no request.

    Args:
        asker: Asks the store.
        window: The time range.
        where: Filter; None for all requests.
        tz: Time zone of the buckets.
    """
    rows, before = (
        asker.measure(
            *_MEASURES, every=window.every, tz=tz, where=where, since=each.since, until=each.until
        )
        for each in (window, window.before())
    )
    if not any(row["count"] for row in rows):
        return []
    moments = [datetime.fromisoformat(row["bucket"]) for row in rows]

    def line(title: str, name: str, role: str = "") -> Series:
        return Series(title, [row[name] for row in rows], role)

    def past(title: str, name: str) -> list[Series]:
        if not any(row["count"] for row in before):
            return []
        return [Series(f"{title} before", _aligned(before, name, len(rows)), "before")]

    return [
        Chart(
            "Requests, and those that failed",
            moments,
            [line("Requests", "count"), line("Failed", "errors", "error")],
            kind="bars",
        ),
        Chart(
            "Error rate",
            moments,
            [
                line("Error rate", "error_rate", "error"),
                *past("Error rate", "error_rate"),
            ],
            unit="share",
        ),
        Chart(
            "Duration",
            moments,
            [line(name[: name.index("(")], name) for name in _PERCENTILES]
            + past("p95", "p95(duration_ms)"),
            unit="ms",
        ),
    ]


def _aligned(rows: Sequence[dict[str, Any]], name: str, length: int) -> list[float | None]:
    """Return the values of some buckets, one for each of others: a day may have 23 hours."""
    values = [row[name] for row in rows][:length]
    return values + [None] * (length - len(values))
