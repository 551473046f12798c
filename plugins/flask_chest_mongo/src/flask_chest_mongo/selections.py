"""A `Selection` as questions to MongoDB, one for each part of its order.

MongoDB's own order of types is another one. So numbers, texts, bools and all else are asked for one
after the other, and what equals the place of a page's beginning before what is beyond it. Each is a
plain condition and a plain order, for which an index is of use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from flask_chest.query.nodes import NULLABLE, Field, Operand, Operator
from flask_chest.query.questions import Order, Place, Rank, Selection
from flask_chest_mongo import identities, moments, operands
from flask_chest_mongo.conditions import compared, every, matching, of_kinds
from flask_chest_mongo.moments import Filter
from flask_chest_mongo.operands import Expression

_ID: Final = Field("id")
_OR_EQUAL: Final[dict[Operator, Operator]] = {"<": "<=", ">": ">="}
_KINDS: Final[dict[Rank, str]] = {0: "number", 1: "text", 2: "bool"}


@dataclass(frozen=True)
class Part:
    """A part of an order.

    Attributes:
        found: Filter of its records.
        keys: Paths and directions of their order.
        by: Expression by which they are ordered first, when it has no path.
    """

    found: Filter
    keys: list[tuple[str, int]]
    by: Expression = None


def parts(selection: Selection) -> Iterator[Part]:
    """Yield the parts of a selection, in their order."""
    chosen = every(
        matching(selection.where) if selection.where is not None else {},
        *(moments.compared(">=", selection.since),) if selection.since is not None else (),
        *(moments.compared("<", selection.until),) if selection.until is not None else (),
    )
    for part in _of_order(selection.order, selection.after):
        yield Part(every(part.found, chosen), part.keys, part.by)


def _of_order(order: Order, after: Place | None) -> Iterator[Part]:
    for rank, condition in _ranks(order.operand):
        if after is None or rank > after.rank:
            yield _sorted(order, rank, condition)
        elif rank == after.rank:
            for found in _behind(order, after):
                yield _sorted(order, rank, every(condition, found))


def _ranks(operand: Operand) -> Iterator[tuple[Rank, Filter]]:
    """Yield the ranks that an operand may have, each with the filter of its records."""
    if isinstance(operand, Field):
        rank: Rank = 1 if operand.type == "text" else 0
        is_nullable = operand.name in NULLABLE
        yield rank, {operand.name: {"$ne": None}} if is_nullable else {}
        if is_nullable:
            yield 3, {operand.name: {"$eq": None}}
        return
    for rank, kind in _KINDS.items():
        yield rank, of_kinds(operand, kind)
    yield 3, {"$nor": [of_kinds(operand, *_KINDS.values())]}


def _behind(order: Order, after: Place) -> Iterator[Filter]:
    """Yield the filters of the records behind a place that have its rank, in their order."""
    beyond: Operator = "<" if order.descending else ">"
    behind_id = identities.compared(beyond, after.id)
    if after.rank == 3:
        yield behind_id
        return
    operand = order.operand
    if isinstance(operand, Field) and operand.type == "time":
        moment = cast("datetime", after.value)
        date, rest = moments.parts(moments.microseconds(moment))
        comparison = "$lt" if order.descending else "$gt"
        yield every(moments.exactly(moment), behind_id)
        yield {"started_at": {"$eq": date}, "started_at_us": {comparison: rest}}
        yield {"started_at": {comparison: date}}
    elif operand == _ID:
        value = str(after.value)
        is_behind = after.id > value if order.descending else after.id < value
        yield identities.compared(_OR_EQUAL[beyond] if is_behind else beyond, value)
    else:
        yield every(compared(operand, "==", after.value), behind_id)
        yield compared(operand, beyond, after.value)


def _sorted(order: Order, rank: Rank, found: Filter) -> Part:
    direction = -1 if order.descending else 1
    last = [("_id", direction)]
    operand = order.operand
    if rank == 3 or operand == _ID:
        return Part(found, last)
    if isinstance(operand, Field) and operand.type == "time":
        return Part(found, [("started_at", direction), ("started_at_us", direction), *last])
    path = operands.path(operand)
    if path is None:
        return Part(found, [("_id", direction)], operands.value(operand))
    return Part(found, [(path, direction), *last])
