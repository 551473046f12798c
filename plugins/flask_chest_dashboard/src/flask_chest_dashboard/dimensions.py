"""`DimensionTable`: the largest groups of a dimension that CHEST_ROLLUPS declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask_chest.errors import QueryError

if TYPE_CHECKING:
    from flask_chest.store import Declaration
    from flask_chest_dashboard.asking import Asker
    from flask_chest_dashboard.window import Window

_MEASURES: Final = ("count", "error_rate", "p95(duration_ms)")
_GROUPS: Final = 8
_MOST_TABLES: Final = 8
_MOST_SUMS: Final = 4


@dataclass(frozen=True)
class DimensionTable:
    """The largest groups of a dimension.

    Attributes:
        by: The names of the dimension.
        measures: What is known of each group.
        rows: The groups; the last may be the rest.
    """

    by: Sequence[str]
    measures: Sequence[str]
    rows: Sequence[dict[str, Any]]


def checked_top(top: str, declared: Declaration | None) -> str:
    """Return the measure by which the groups are the largest.

    Raises:
        QueryError: It is none of those that are shown.
    """
    if not top:
        return "count"
    if top not in _measures(declared):
        raise QueryError(f"top={top[:60]!r} is none of {', '.join(_measures(declared))}")
    return top


def tables(
    asker: Asker, window: Window, where: str | None, declared: Declaration | None, top: str
) -> list[DimensionTable]:
    """Return a table for each dimension that is declared.

    Args:
        asker: Asks the store.
        window: The time range.
        where: Filter; None for all requests.
        declared: What the rollups have.
        top: The groups with the largest come first.
    """
    if declared is None:
        return []
    measures = _measures(declared)
    return [
        DimensionTable(
            by,
            measures,
            asker.measure(
                *measures,
                by=by,
                where=where,
                since=window.since,
                until=window.until,
                order_by=f"-{top}",
                limit=_GROUPS,
            ),
        )
        for by in declared.dimensions[:_MOST_TABLES]
    ]


def _measures(declared: Declaration | None) -> tuple[str, ...]:
    names = () if declared is None else declared.measures[:_MOST_SUMS]
    return (*_MEASURES, *(f"sum({name})" for name in names))
