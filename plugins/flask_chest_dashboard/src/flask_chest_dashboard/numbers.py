"""`Number`: one number of a page's head, against the time before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask_chest_dashboard import formats
from flask_chest_dashboard.comparing import Change, change, change_of_requests

if TYPE_CHECKING:
    from flask_chest.store import Declaration
    from flask_chest_dashboard.asking import Asker
    from flask_chest_dashboard.window import Window

_HEAD: Final = (
    ("count", "Requests", "count"),
    ("error_rate", "Error rate", "share"),
    ("p50(duration_ms)", "p50 (half are faster)", "ms"),
    ("p95(duration_ms)", "p95 (95 % are faster)", "ms"),
    ("p99(duration_ms)", "p99 (99 % are faster)", "ms"),
)
"""The measures of the head, with their names and kinds."""

_MOST_DECLARED: Final = 8


@dataclass(frozen=True)
class Number:
    """One number.

    Attributes:
        title: What it is.
        text: The number as it is shown.
        change: How it differs from that of the time before.
        before: That of the time before, as it is shown.
        exact: The number as it was found, where it is rounded; else empty.
    """

    title: str
    text: str
    change: Change
    before: str
    exact: str


def head(asker: Asker, window: Window, where: str | None) -> tuple[list[Number], float]:
    """Return the numbers of the head, and how many requests there were."""
    measures = tuple(measure for measure, _, _ in _HEAD)
    row, before = _both(asker, window, where, measures)
    numbers = []
    for measure, title, kind in _HEAD:
        if kind == "ms":
            found = change_of_requests(row[measure], before[measure], row["count"], before["count"])
        elif before["count"]:
            found = change(kind, row[measure], before[measure])
        else:
            found = Change("none before")
        numbers.append(_number(title, measure, row[measure], found, before[measure]))
    return numbers, row["count"]


def declared(
    asker: Asker, window: Window, where: str | None, what: Declaration | None
) -> list[Number]:
    """Return the sums and the numbers of different values that CHEST_ROLLUPS declares."""
    if what is None:
        return []
    wanted = [(f"sum({name})", f"{name}, sum") for name in what.measures]
    wanted += [(f"distinct({name})", f"{name}, different values") for name in what.distinct]
    del wanted[_MOST_DECLARED:]
    if not wanted:
        return []
    row, before = _both(asker, window, where, tuple(measure for measure, _ in wanted))
    return [
        _number(
            title, measure, row[measure], _of_sum(row[measure], before[measure]),
            before[measure],
        )
        for measure, title in wanted
    ]  # fmt: skip


def _of_sum(now: float | None, before: float | None) -> Change:
    return change("sum", now, before) if before else Change("none before")


def _both(
    asker: Asker, window: Window, where: str | None, measures: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return measures of a time range, and of the one before."""
    now, before = (
        asker.measure(*measures, where=where, since=each.since, until=each.until)[0]
        for each in (window, window.before())
    )
    return now, before


def _number(title: str, measure: str, found: Any, of: Change, before: Any) -> Number:  # noqa: ANN401 - of a store
    unit = formats.unit_of(measure)
    return Number(
        title,
        formats.amount(found, unit),
        of,
        formats.amount(before, unit),
        formats.exact(found, unit),
    )
