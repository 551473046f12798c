"""`VariableRow`: what the variables of some requests hold, from a sample of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query

if TYPE_CHECKING:
    from flask_chest import Record

SAMPLE: Final = 300
"""Requests that are looked at."""

MOST_NAMES: Final = 60
_MOST_VALUES: Final = 4
_MANY: Final = 10
"""Different numbers, from which on they are shown as a range."""

_LONG: Final = 400
"""Characters from which on a text is no value to count."""


@dataclass(frozen=True)
class VariableRow:
    """One variable of some requests.

    Attributes:
        name: As a filter has it.
        share: How many of the requests have it.
        distinct: Number of its different values.
        values: The most frequent, with their shares of the requests that have it.
        spread: The least, the middle and the largest, where it has many different numbers.
    """

    name: str
    share: float
    distinct: int
    values: Sequence[tuple[Any, float]]
    spread: tuple[float, float, float] | None


def rows(records: Sequence[Record]) -> list[VariableRow]:
    """Return the variables of requests, those that most of them have first."""
    found: dict[str, list[Any]] = {}
    for record in records:
        for name, value in record.variables.items():
            found.setdefault(name, []).append(value)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_row(name, values, len(records)) for name, values in ordered]


def _row(name: str, values: Sequence[Any], total: int) -> VariableRow:
    counts: dict[Any, tuple[Any, int]] = {}
    for value in map(_countable, values):
        key = query.identity(value)
        counts[key] = value, counts.get(key, (None, 0))[1] + 1
    ordered = sorted(counts.values(), key=lambda item: (-item[1], query.rank(item[0])))
    numbers = list(_numbers(values))
    is_spread = len(set(numbers)) > _MANY
    return VariableRow(
        query.written(query.Variable((name,))),
        len(values) / total,
        len(counts),
        [(value, count / len(values)) for value, count in ordered[:_MOST_VALUES]],
        (min(numbers), median(numbers), max(numbers)) if is_spread else None,
    )


def _countable(value: Any) -> Any:  # noqa: ANN401 - of a record
    """Return what stands for a value among groups."""
    if isinstance(value, (dict, list)):
        return query.OBJECT if isinstance(value, dict) else query.LIST
    return f"{value[:_LONG]}…" if isinstance(value, str) and len(value) > _LONG else value


def _numbers(values: Iterable[Any]) -> Iterable[float]:
    return (
        value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)
    )
