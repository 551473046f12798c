"""The values of measures: what they need to know of a group, and what they make of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from flask_chest.query.distinct import Identity
from flask_chest.query.histogram import borders_of
from flask_chest.query.measures import Measure
from flask_chest.query.nodes import Node, Operand, kind
from flask_chest.query.parts import Need, Part
from flask_chest.query.questions import Scalar

Histogram: TypeAlias = list[list[float]]
"""A list ``[lower, upper, weight]`` for each bin that is not empty, in the order of the values."""

_RANKS = {"number": 0, "text": 1, "bool": 2}
_Item = TypeVar("_Item")
Row: TypeAlias = dict[str, Any]


def counts_of(need: Need, measures: Iterable[Measure]) -> Need:
    """Return a need with what the counts of these measures need."""
    measures = list(measures)
    sums = [each.operand for each in measures if each.function in {"sum", "mean", "min", "max"}]
    shares = [each.condition for each in measures]
    return replace(need, counts=True, sums=_once(sums), shares=_conditions(shares))


def spreads_of(need: Need, measures: Iterable[Measure], *, exact: bool) -> Need | None:
    """Return a need with the values, or the bins, of these measures; None if they need none.

    Args:
        need: Which records, in which groups.
        measures: The measures.
        exact: Whether percentiles are to be exact.
    """
    by_function: dict[str, list[Operand | None]] = {
        "percentile": [],
        "histogram": [],
        "top": [],
        "distinct": [],
    }
    for each in measures:
        if each.function in by_function:
            by_function[each.function].append(each.operand)
    if not any(by_function.values()):
        return None
    numbers = _once(by_function["percentile"]) if exact else ()
    binned = _once([*([] if exact else by_function["percentile"]), *by_function["histogram"]])
    return replace(
        need,
        counts=False,
        exact=numbers,
        # A histogram is made of the values, too: asked for twice, records would count twice.
        bins=tuple(each for each in binned if each not in numbers),
        values=_once(by_function["top"]),
        distinct=_once(by_function["distinct"]),
    )


def other_spreads(measures: Iterable[Measure], known: Iterable[Measure]) -> list[Measure]:
    """Return the measures whose values, or bins, are not there yet.

    Percentiles and histograms are made of the same ones, which must not count twice.

    Args:
        measures: All that are wanted.
        known: Those of which all is there.
    """
    found = {_spread_of(each) for each in known}
    return [each for each in measures if _spread_of(each) not in found]


def _spread_of(measure: Measure) -> tuple[str, Operand | None]:
    numbers = {"percentile", "histogram"}
    return "numbers" if measure.function in numbers else measure.function, measure.operand


def _once(operands: Iterable[Operand | None]) -> tuple[Operand, ...]:
    return tuple(dict.fromkeys(each for each in operands if each is not None))


def _conditions(conditions: Iterable[Node | None]) -> tuple[Node, ...]:
    return tuple(dict.fromkeys(each for each in conditions if each is not None))


class Columns:
    """What the rows of an answer have of some measures, by the text of each.

    Args:
        measures: In the order of the columns.
    """

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._empty: Row = {each.text: None for each in measures}
        self._others: list[Measure] = []
        self._percentiles: dict[Operand, tuple[list[str], list[float]]] = {}
        for each in measures:
            if each.function == "percentile" and each.operand is not None:
                texts, percents = self._percentiles.setdefault(each.operand, ([], []))
                texts.append(each.text)
                percents.append(each.percent)
            else:
                self._others.append(each)

    def add(self, row: Row, part: Part, seconds: float) -> None:
        """Add to a row: a histogram, or the value of the measure.

        Args:
            row: It has the columns before.
            part: As of `value`.
            seconds: The same.
        """
        row.update(self._empty)
        for each in self._others:
            if each.function == "histogram" and each.operand is not None:
                row[each.text] = _histogram(part, each.operand)
            else:
                row[each.text] = value(each, part, seconds)
        for operand, (texts, percents) in self._percentiles.items():
            for text, found in zip(texts, part.percentiles(operand, percents), strict=True):
                row[text] = None if found is None else number(found)


def value(measure: Measure, part: Part, seconds: float) -> Scalar:
    """Return the value of a measure that is no histogram; None where it is of nothing.

    Args:
        measure: The measure.
        part: All that is known of the group.
        seconds: How long its records took to come.
    """
    if measure.condition is not None:
        return _ratio(part.shares.get(measure.condition, 0.0), part.weight)
    if measure.operand is None:
        return _of_records(measure.function, part, seconds)
    if measure.function in {"percentile", "distinct", "top"}:
        return _of_spread(measure, part, measure.operand)
    return _of_sums(measure.function, part, measure.operand)


def _of_spread(measure: Measure, part: Part, operand: Operand) -> Scalar:
    if measure.function == "percentile":
        found = part.percentile(operand, measure.percent)
        return None if found is None else number(found)
    if measure.function == "distinct":
        return part.distinct[operand].count() if operand in part.distinct else 0
    return _top(part.values.get(operand, {}))


def _histogram(part: Part, operand: Operand) -> Histogram:
    bins = part.histogram(operand)
    found = [(*borders_of(int(each)), bins[each]) for each in sorted(bins)]
    return [list(map(number, each)) for each in found]


def _of_records(function: str, part: Part, seconds: float) -> Scalar:
    if function == "count":
        return number(part.weight)
    if function == "errors":
        return number(part.errors)
    if function == "error_rate":
        return _ratio(part.errors, part.weight)
    return _ratio(part.weight, seconds)


def _of_sums(function: str, part: Part, operand: Operand) -> Scalar:
    sums = part.sums.get(operand)
    if sums is None or not sums.weight:
        return None
    if function == "mean":
        found: float | None = sums.total / sums.weight
    else:
        found = {"sum": sums.total, "min": sums.least, "max": sums.most}[function]
    # A sum may be larger than any float, which JSON has no number for.
    return None if found is None or math.isinf(found) else number(found)


def _ratio(one: float, other: float) -> Scalar:
    return number(one / other) if other else None


def _top(weights: dict[Identity, float]) -> Scalar:
    if not weights:
        return None
    first = min(weights, key=lambda each: (-weights[each], *rank(each[1])))
    return first[1]


def number(found: float) -> int | float:
    """Return a number in the one form that is shown: 12, and not 12.0."""
    if isinstance(found, float) and found.is_integer() and abs(found) < 2**53:
        return int(found)
    return found


def rank(found: Scalar) -> tuple[int, Scalar]:
    """Return what orders values of any type: numbers, texts, bools, and None last."""
    at = _RANKS.get(kind(found), 3)
    return at, 0 if found is None else found


def ordered(items: Iterable[_Item], values: Sequence[Scalar], *, descending: bool) -> list[_Item]:
    """Return items in the order of their values. Numbers come first, and None last, in any case.

    Args:
        items: What is ordered. Of equal ones the first remains first.
        values: One for each item.
        descending: Whether the largest comes first.
    """
    ranked: list[list[tuple[Scalar, _Item]]] = [[], [], [], []]
    for item, found in zip(items, values, strict=True):
        ranked[rank(found)[0]].append((found, item))
    for same in ranked[:3]:
        same.sort(key=lambda each: rank(each[0]), reverse=descending)
    return [item for same in ranked for _, item in same]
