"""`Routes`: the routes as a table, in any order, against the time before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query
from flask_chest.errors import QueryError
from flask_chest_dashboard.comparing import Change, change_of_requests
from flask_chest_dashboard.scope import Scope

if TYPE_CHECKING:
    from flask_chest_dashboard.asking import Asker
    from flask_chest_dashboard.window import Window

COLUMNS: Final = {
    "route": "Route",
    "count": "Requests",
    "error_rate": "Error rate",
    "p50(duration_ms)": "p50",
    "p95(duration_ms)": "p95",
    "change": "p95 against before",
}
"""The columns, by what they are sorted by."""

SHOWN: Final = 20
MOST: Final = 1_000
"""Routes that can be shown, and that are looked at for the largest change."""

_MEASURES: Final = ("count", "error_rate", "p50(duration_ms)", "p95(duration_ms)")
_BY: Final = ("route", "method")
_LONGEST_FILTER: Final = 6_000
_FAILING: Final = 0.05


@dataclass(frozen=True)
class RouteRow:
    """A route and its method.

    Attributes:
        scope: The two.
        values: The row of the store.
        change: Of p95 against the time before.
        counts: Requests over time, for a line as small as a word.
    """

    scope: Scope
    values: dict[str, Any]
    change: Change
    counts: Sequence[float]

    @property
    def is_failing(self) -> bool:
        """Whether so many requests fail that somebody should look."""
        return (self.values["error_rate"] or 0.0) >= _FAILING


@dataclass(frozen=True)
class Routes:
    """Some routes of all.

    Attributes:
        rows: Those that are shown.
        rest: Number of those that are not.
        rest_values: Their measures together; None when they are not known.
    """

    rows: Sequence[RouteRow]
    rest: int
    rest_values: dict[str, Any] | None


def checked_sort(sort: str) -> str:
    """Return a column of `COLUMNS`, with a minus sign in front for the largest first.

    Raises:
        QueryError: It is none.
    """
    if not sort:
        return "-count"
    if sort.removeprefix("-") not in COLUMNS:
        raise QueryError(f"sort={sort[:60]!r} is none of {', '.join(COLUMNS)}")
    return sort


def routes(asker: Asker, window: Window, where: str | None, sort: str, most: int) -> Routes:
    """Return the first routes of an order.

    Args:
        asker: Asks the store.
        window: The time range.
        where: Filter; None for all requests.
        sort: As `checked_sort` returns it.
        most: Routes that are shown.
    """
    is_by_change = sort.removeprefix("-") == "change"
    rows = asker.measure(
        *_MEASURES,
        by=_BY,
        where=where,
        since=window.since,
        until=window.until,
        order_by="-count" if is_by_change else sort,
        limit=MOST if is_by_change else most,
    )
    shown = [row for row in rows if "rest" not in row]
    rest = next((row for row in rows if "rest" in row), None)
    # Once for all orders, if these are all routes.
    wanted = where if rest is None else _only(shown, where)
    before = _by_route(_before(asker, window, wanted))
    counts = _counts(asker, window, wanted)
    found = [
        RouteRow(
            Scope.of(row["route"], row["method"]),
            row,
            _change(row, before.get(_key(row), [{}])[0]),
            [each["count"] for each in counts.get(_key(row), ())],
        )
        for row in shown
    ]
    number = 0 if rest is None else rest["rest"]
    if not is_by_change:
        return Routes(found, number, rest)
    found = _by_change(found, descending=sort.startswith("-"))
    left = max(len(found) - most, 0)
    return Routes(found[:most], number + left, None if left else rest)


def _before(asker: Asker, window: Window, where: str | None) -> list[dict[str, Any]]:
    before = window.before()
    measures = ("count", "p95(duration_ms)")
    return asker.measure(
        *measures, by=_BY, where=where, since=before.since, until=before.until, limit=MOST
    )


def _counts(
    asker: Asker, window: Window, where: str | None
) -> dict[tuple[Any, Any], list[dict[str, Any]]]:
    rows = asker.measure(
        "count",
        by=_BY,
        every=window.few,
        where=where,
        since=window.since,
        until=window.until,
        limit=MOST,
    )
    return _by_route(rows)


def _key(row: dict[str, Any]) -> tuple[Any, Any]:
    return row["route"], row["method"]


def _by_route(rows: list[dict[str, Any]]) -> dict[tuple[Any, Any], list[dict[str, Any]]]:
    found: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for row in rows:
        if "rest" not in row:
            found.setdefault(_key(row), []).append(row)
    return found


def _change(row: dict[str, Any], before: dict[str, Any]) -> Change:
    name = "p95(duration_ms)"
    return change_of_requests(row[name], before.get(name), row["count"], before.get("count", 0))


def _by_change(rows: list[RouteRow], *, descending: bool) -> list[RouteRow]:
    """Return rows in the order of their change, those without one last."""
    known = [row for row in rows if row.change.ratio is not None]
    known.sort(key=lambda row: row.change.ratio or 0.0, reverse=descending)
    return known + [row for row in rows if row.change.ratio is None]


def _only(rows: Sequence[dict[str, Any]], where: str | None) -> str | None:
    """Return the filter that chooses the routes of some rows, unless it is too long."""
    names = dict.fromkeys(row["route"] for row in rows)
    texts = ", ".join(repr(name) for name in names if name is not None)
    parts = [f"route in ({texts},)"] if texts else []
    if None in names:
        parts.append(query.condition_of("route", None) or "")
    only = " or ".join(parts)
    if not only or len(only) + len(where or "") > _LONGEST_FILTER:
        return where
    return only if where is None else f"({where}) and ({only})"
