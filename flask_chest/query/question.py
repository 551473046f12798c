"""`Question`: what `Store.measure` is asked."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from flask_chest.errors import QueryError
from flask_chest.query import buckets
from flask_chest.query.arguments import Chosen, name, positive
from flask_chest.query.measures import Measure, parse_measure
from flask_chest.query.nodes import Field, Operand

MOST_NAMES: Final = 10
"""Fields and variables that make the groups."""

EXACT: Final = 20_000
"""Up to so many records, percentiles are exact, unless a question says otherwise."""

_COUNT: Final = Measure("count", "count")
"""Orders groups of which there are histograms alone."""


@dataclass(frozen=True)
class Question:
    """What is measured, of which records, in which groups. `read_question` makes it.

    Attributes:
        measures: At least one.
        by: What makes the groups, by the name of its column.
        chosen: Which records.
        every: Length of a bucket of time; None without buckets.
        tz: Time zone of the buckets.
        order: Measure, or name in `by`, that orders groups. No histogram.
        descending: Whether the largest comes first.
        is_ordered: Whether an order was asked for.
        limit: Most groups; None for all.
        exact: Up to so many records, percentiles are exact. Beyond, they are those of bins.
    """

    measures: tuple[Measure, ...]
    by: dict[str, Operand]
    chosen: Chosen
    every: buckets.Length | None
    tz: tzinfo
    order: Measure | str
    descending: bool
    is_ordered: bool
    limit: int | None
    exact: int = EXACT


def read_question(
    measures: Sequence[str],
    *,
    by: Sequence[str] = (),
    every: str | None = None,
    tz: str = "UTC",
    chosen: Chosen,
    order_by: str | None = None,
    limit: int | None = 100,
    exact: int | None = None,
) -> Question:
    """Read the arguments of `Store.measure`.

    Raises:
        QueryError: One cannot be read.
    """
    read = {each.text: each for each in map(parse_measure, measures)}
    if not read:
        raise QueryError("there is no measure: write at least one, such as 'count'")
    groups = _groups([by] if isinstance(by, str) else by)
    length = None if every is None else buckets.length(every)
    reserved = {*read, "rest", "explain"} | (set() if length is None else {"bucket"})
    for each in groups:
        if each in reserved:
            raise QueryError(
                f"by={each!r}: an answer has another column of this name. Write "
                f"variables[{each!r}] for the variable"
            )
    order, descending = _order(order_by, read, groups)
    return Question(
        measures=tuple(read.values()),
        by=groups,
        chosen=chosen,
        every=length,
        tz=buckets.zone(tz),
        order=order,
        descending=descending,
        is_ordered=order_by is not None,
        limit=positive("limit", limit),
        exact=EXACT if exact is None else _exact(exact),
    )


def _exact(number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise QueryError(f"exact is a number of records, from 0 on, and not {number!r}")
    return number


def _groups(by: Sequence[str]) -> dict[str, Operand]:
    if len(by) > MOST_NAMES:
        raise QueryError(f"by: at most {MOST_NAMES} names make the groups, and these are {len(by)}")
    found = {}
    for text in by:
        operand = name(text, "name in `by`")
        if operand == Field("started_at"):
            raise QueryError("by='started_at': write every='1h' for groups by time")
        found[text.strip()] = operand
    return found


def _order(
    order_by: str | None, measures: dict[str, Measure], groups: dict[str, Operand]
) -> tuple[Measure | str, bool]:
    if order_by is None:
        able = (each for each in measures.values() if each.function != "histogram")
        return next(able, _COUNT), True
    if not isinstance(order_by, str):
        raise QueryError(f"order_by is a text, such as '-count', and not {order_by!r}")
    text = order_by.strip()
    wanted, is_descending = text.removeprefix("-").strip(), text.startswith("-")
    names = (*measures, *groups)
    known = {"".join(each.split()): each for each in names}  # `sum( x )` is `sum(x)`
    found = wanted if wanted in names else known.get("".join(wanted.split()))
    if found is not None:
        chosen = measures.get(found, found)
        if isinstance(chosen, Measure) and chosen.function == "histogram":
            raise QueryError(
                f"order_by={order_by!r}: histograms have no order. Write another measure, or one "
                "of `by`"
            )
        return chosen, is_descending
    near = difflib.get_close_matches(wanted, [*measures, *groups], 1)
    hint = f"write {near[0]!r}" if near else f"write one of {', '.join((*measures, *groups))}"
    raise QueryError(f"order_by={order_by!r} is none of the measures and none of `by`: {hint}")
