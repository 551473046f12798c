"""Which values are over-represented in one set of records against another."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask_chest.errors import QueryError
from flask_chest.query.arguments import Chosen, condition_of, name
from flask_chest.query.complement import complement
from flask_chest.query.distinct import Identity, identity
from flask_chest.query.evaluate import value_of
from flask_chest.query.fold import scalar_of
from flask_chest.query.measured import number, rank
from flask_chest.query.nodes import And, Field, Node, Operand, Or, Variable
from flask_chest.query.paging import Reader
from flask_chest.query.questions import Scalar
from flask_chest.query.sampling import Sampled, Sampler, period

FIELDS: Final = ("route", "method", "status_code", "endpoint", "service", "instance", "error")
"""The fields that are looked at, unless others are named."""

MOST_NAMES: Final = 500
"""Variables that are looked at: those that most records have."""

_MOST_NUMBERS: Final = 20
"""Different numbers that are looked at one by one. More of them are divided into ranges."""

_RANGES: Final = 10
_ERRORS: Final = 3
"""Standard errors of a difference that chance is held for."""

_FEWEST: Final = 3
"""Fewer records with a value are held for chance, unless they are half of the set."""

_DEPTH: Final = 3
"""How deep the variables within a variable are looked at."""


def differences(
    reader: Reader,
    where: Node,
    against: Node | None,
    names: Mapping[str, Operand] | None,
    chosen: Chosen,
) -> list[dict[str, Any]]:
    """Return which values are over-represented, the largest difference of shares first.

    Args:
        reader: The store.
        where: Condition of the first set.
        against: Condition of the second; None for all others.
        names: What is looked at; None for `FIELDS` and all variables, without those that the
            conditions are about.
        chosen: The range of time of both.
    """
    span = period(reader, chosen)
    if span is None:
        return []
    sampler = Sampler(reader, *span)
    ones = sampler.sample(where)
    others = sampler.sample(complement(where) if against is None else against)
    if names is None:
        left_out = _operands(where) | (set() if against is None else _operands(against))
        names = {
            text: operand
            for text, operand in _names([*ones, *others]).items()
            if operand not in left_out
        }
    rows = [
        row for text, operand in names.items() for row in _compared(text, operand, ones, others)
    ]
    rows.sort(key=lambda row: (row["other_share"] - row["share"], -row["count"]))
    return rows


def read_names(among: Sequence[str] | None) -> dict[str, Operand] | None:
    """Return what the names in `among` stand for.

    Raises:
        QueryError: One cannot be read.
    """
    if among is None:
        return None
    found = {}
    for text in [among] if isinstance(among, str) else among:
        operand = name(text, "name in `among`")
        if operand == Field("started_at"):
            raise QueryError("among: started_at is a time. Compare two ranges of time: `against`")
        found[text.strip()] = operand
    return found


# -- Names -------------------------------------------------------------------------------------


def _operands(node: Node) -> set[Operand]:
    if isinstance(node, (And, Or)):
        return {operand for part in node.parts for operand in _operands(part)}
    return {node.operand}


def _names(sampled: Iterable[Sampled]) -> dict[str, Operand]:
    """Return the fields, and the variables that records have, by their names."""
    counts: dict[tuple[str, ...], int] = {}
    for each in sampled:
        _count(each.data["variables"], (), counts)
    often = sorted(counts, key=lambda path: (-counts[path], path))[:MOST_NAMES]
    operands: list[Operand] = [*map(Field, FIELDS), *map(Variable, often)]
    return {written(operand): operand for operand in operands}


def _count(
    inner: Mapping[str, Any], prefix: tuple[str, ...], counts: dict[tuple[str, ...], int]
) -> None:
    for key, value in inner.items():
        path = (*prefix, key)
        if isinstance(value, dict) and value and len(path) < _DEPTH:
            _count(value, path, counts)
        else:
            counts[path] = counts.get(path, 0) + 1


def written(operand: Operand) -> str:
    """Return the name that stands for a field or a variable in a filter."""
    if isinstance(operand, Field):
        return operand.name
    first, *rest = operand.path
    keys = [f".{key}" if key.isidentifier() else f"[{key!r}]" for key in rest]
    text = first + "".join(keys)
    try:
        if name(text) == operand:
            return text
    except QueryError:
        pass  # a word of Python, the name of a field, or no name at all
    return f"variables[{first!r}]" + "".join(f"[{key!r}]" for key in rest)


# -- Values ------------------------------------------------------------------------------------


def _compared(
    text: str, operand: Operand, ones: Sequence[Sampled], others: Sequence[Sampled]
) -> list[dict[str, Any]]:
    """Return the rows of one name."""
    values = [_weights(operand, sampled) for sampled in (ones, others)]
    numbers = sorted({v for found in values for of, v in found if of == "number"}, key=rank)
    ranges = _Ranges(numbers) if len(numbers) > _MOST_NUMBERS else None
    first, second = (_grouped(found, ranges) for found in values)
    all_ones, all_others = _Weights(), _Weights()
    for weights in first.values():
        all_ones.add(weights)
    for weights in second.values():
        all_others.add(weights)
    rows = []
    for (of, value), weights in first.items():
        other_weights = second.get((of, value), _Weights())
        if not _is_more(weights, all_ones, other_weights, all_others):
            continue
        count, other_count = weights.sum, other_weights.sum
        share, other_share = weights.share_of(all_ones), other_weights.share_of(all_others)
        shown, condition = value, condition_of(text, value)
        if ranges is not None and of == "range":
            shown, condition = ranges.shown(value), ranges.condition(text, value)
        rows.append(
            {
                "name": text,
                "value": shown,
                "share": number(share),
                "other_share": number(other_share),
                "count": number(count),
                "other_count": number(other_count),
                "where": condition,
            }
        )
    return rows


@dataclass
class _Weights:
    """Records by the sums that a test of their shares needs.

    Attributes:
        count: How many there are in the sample.
        sum: Of their weights.
        squares: Sum of the squares of their weights.
    """

    count: int = 0
    sum: float = 0.0
    squares: float = 0.0

    def add(self, other: _Weights) -> None:
        """Add records."""
        self.count += other.count
        self.sum += other.sum
        self.squares += other.squares

    @property
    def records(self) -> float:
        """How many records of equal weights tell as much: Kish's effective sample size.

        That of records with equal weights is their number. Source: Kish, *Survey Sampling*, 1965.
        """
        return self.sum * self.sum / self.squares if self.squares else 0.0

    def share_of(self, total: _Weights) -> float:
        """Return the share of these records among all."""
        return self.sum / total.sum if total.sum else 0.0

    def variance_in(self, total: _Weights, expected: float) -> float:
        """Return the variance of their share among all.

        Args:
            total: All records, with these.
            expected: The share, if chance alone makes this one.
        """
        by_chance = expected * (1 - expected) / max(total.records, 1.0)
        if total.records > total.count * (1 - 1e-9):  # all have the same weight
            return by_chance
        share = self.share_of(total)
        others = total.squares - self.squares
        # Weights that go with the value tell more of its variance than those of all records.
        own = (self.squares * (1 - share) ** 2 + others * share**2) / max(total.sum**2, 1.0)
        return max(by_chance, own)


def _is_more(one: _Weights, ones: _Weights, other: _Weights, others: _Weights) -> bool:
    """Return whether a share is larger than another by more than chance makes it.

    It is the two-proportion z-test: https://en.wikipedia.org/wiki/Two-proportion_Z-test, with
    weights.
    """
    share, other_share = one.share_of(ones), other.share_of(others)
    if one.records < _FEWEST * (1 - 1e-9) and share < 0.5:
        return False  # so few that the test is wrong about them
    told, other_told = ones.records, others.records
    together = (share * told + other_share * other_told) / (told + other_told)
    variance = one.variance_in(ones, together) + other.variance_in(others, together)
    return share - other_share > max(_ERRORS * math.sqrt(max(variance, 0.0)) * (1 - 1e-9), 0.0)


def _weights(operand: Operand, sampled: Iterable[Sampled]) -> dict[Identity, _Weights]:
    found: dict[Identity, _Weights] = {}
    for each in sampled:
        key = identity(scalar_of(value_of(operand, each.data)))
        found.setdefault(key, _Weights()).add(_Weights(1, each.weight, each.weight**2))
    return found


class _Ranges:
    """Ranges of numbers, of which each has about as many different ones.

    Args:
        numbers: All of them, in order.
    """

    def __init__(self, numbers: Sequence[Scalar]) -> None:
        step = len(numbers) / _RANGES
        self._borders: list[Any] = [numbers[int(step * at)] for at in range(_RANGES)]

    def of(self, value: Any) -> int:  # noqa: ANN401 - a number
        return bisect_right(self._borders, value) - 1

    def shown(self, at: Any) -> str:  # noqa: ANN401 - a number
        if at + 1 == len(self._borders):
            return f"from {self._borders[at]}"
        return f"{self._borders[at]} to {self._borders[at + 1]}"

    def condition(self, text: str, at: Any) -> str:  # noqa: ANN401 - a number
        if at + 1 == len(self._borders):
            return f"{text} >= {self._borders[at]}"
        return f"{text} >= {self._borders[at]} and {text} < {self._borders[at + 1]}"


def _grouped(
    weights: Mapping[Identity, _Weights], ranges: _Ranges | None
) -> dict[tuple[str, Any], _Weights]:
    if ranges is None:
        return dict(weights)
    found: dict[tuple[str, Any], _Weights] = {}
    for (of, value), each in weights.items():
        key = ("range", ranges.of(value)) if of == "number" else (of, value)
        found.setdefault(key, _Weights()).add(each)
    return found
