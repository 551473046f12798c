"""`turn`: one page of a list of records, from any place in any order, forwards or backwards.

A page begins behind a place, not at a number of records. So it stays right while records arrive,
and the thousandth is as quick as the first.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query
from flask_chest.errors import QueryError
from flask_chest_dashboard.searching import SECONDS, from_place, read, search

if TYPE_CHECKING:
    from flask_chest import Record, Store
    from flask_chest.query import Chosen, Node, Operand, Order, Place
    from flask_chest_dashboard.searching import Searched

_MOST_TEXT: Final = 500
"""Characters of a value in a URL. The record of a longer one is looked up."""

_NUMBER, _TEXT, _BOOL, _ALL_ELSE = range(4)
"""The ranks: see `query.Order`."""

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|")
_IMPOSSIBLE: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Turned:
    """One page of a list.

    Attributes:
        records: In the order of the list.
        previous: The page before ends before this place; None where there is none.
        next: The page behind begins behind this place; None where there is none.
        searched: Time up to which was searched, when it took too long to go on: the page may have
            fewer records than there are, and `previous` or `next` goes on.
        is_back: Whether it is `previous` that goes on.
    """

    records: Sequence[Record]
    previous: Place | None
    next: Place | None
    searched: datetime | None = None
    is_back: bool = False


def turn(
    store: Store,
    chosen: Chosen,
    order: Order,
    *,
    size: int,
    after: Place | None = None,
    before: Place | None = None,
    seconds: float = SECONDS,
) -> Turned:
    """Return one page.

    Args:
        store: Where the records are.
        chosen: Which records.
        order: Their order.
        size: Most records of a page.
        after: The page begins behind this place.
        before: The page ends before this place, and `after` is not looked at. Where fewer records
            than `size` are before it, it is the first page.
        seconds: Where the order is that of time, a search ends after it: see `searching`.

    Raises:
        ExporterUnavailable: The database cannot be read now.
        QueryTimeout: It took longer than the store allows a query.
    """
    if order.operand == query.Field("started_at"):
        look = partial(search, store, chosen, deadline=time.monotonic() + seconds)
        return _turn_by_time(look, order, size, after, before)
    if before is not None:
        found = _before(store, chosen, order, before, size + 1)
        if len(found) > size:
            return _page(found[1:], order, has_previous=True, has_next=True)
        after = None
    selection = query.Selection(chosen.where, chosen.since, chosen.until, order, after, size + 1)
    found = read(store, selection)
    return _page(found[:size], order, has_previous=after is not None, has_next=len(found) > size)


def _page(records: Sequence[Record], order: Order, *, has_previous: bool, has_next: bool) -> Turned:
    first, last = (
        query.place_of(records[at].as_data(), order) if records else None for at in (0, -1)
    )
    return Turned(records, first if has_previous else None, last if has_next else None)


def _turn_by_time(
    look: Callable[..., Searched],
    order: Order,
    size: int,
    after: Place | None,
    before: Place | None,
) -> Turned:
    descending = order.descending
    records: list[Record] = []
    start = after
    if before is not None:
        found = look(descending=not descending, after=before, limit=size + 1)
        records = [*found.records[::-1]]
        if len(records) > size:
            return _page(records[1:], order, has_previous=True, has_next=True)
        behind = (
            query.place_of(records[-1].as_data(), order)
            if records
            else from_place(before, descending=descending)
        )
        if found.until is not None:
            return Turned(records, found.until, behind, found.searched, is_back=True)
        after, start = None, behind  # the first page, which goes on from here
    found = look(descending=descending, after=start, limit=size + 1 - len(records))
    records += found.records
    has_next = len(records) > size
    page = _page(records[:size], order, has_previous=after is not None, has_next=has_next)
    if after is not None and not records:
        page = replace(page, previous=from_place(after, descending=not descending))
    if has_next or found.until is None:
        return page
    return replace(page, next=found.until, searched=found.searched)


def _before(store: Store, chosen: Chosen, order: Order, place: Place, limit: int) -> list[Record]:
    """Return the last records before a place, in the order of the list.

    The direction turns the values within a rank, and not the ranks. So each rank is asked for by
    itself.
    """
    turned = replace(order, descending=not order.descending)
    found: list[Record] = []
    after: Place | None = place
    for rank in range(place.rank, -1, -1):
        if (condition := _of_rank(order.operand, rank)) is not None:
            where = query.both(chosen.where, condition[0])
            selection = query.Selection(
                where, chosen.since, chosen.until, turned, after, limit - len(found)
            )
            found += read(store, selection)
            if len(found) >= limit:
                break
        after = None
    return found[::-1]


def _of_rank(operand: Operand, rank: int) -> tuple[Node | None] | None:
    """Return the condition of the records with a rank, None for all; or None if there are none."""
    if isinstance(operand, query.Field):
        if rank not in {_TEXT if operand.type == "text" else _NUMBER, _ALL_ELSE}:
            return None
        is_null = query.IsNull(operand, negated=rank != _ALL_ELSE)
        return (None if operand.type == "time" else is_null,)
    conditions: dict[int, Node | None] = {
        _NUMBER: query.Or((query.Compare(operand, "<", 0), query.Compare(operand, ">=", 0))),
        _TEXT: query.Compare(operand, ">=", ""),
        _BOOL: query.OneOf(operand, (True, False), negated=False),
        _ALL_ELSE: None,  # the last: behind a place in it, nothing else comes
    }
    return (conditions[rank],)


# -- Places in a URL -------------------------------------------------------------------------------


def written(record: Record, order: Order) -> str:
    """Return the place of a record in an order, for a URL."""
    return written_place(query.place_of(record.as_data(), order))


def written_place(place: Place) -> str:
    """Return a place, for a URL."""
    value = place.value
    if isinstance(value, datetime):
        value = value.isoformat()
    is_long = isinstance(value, str) and len(value) > _MOST_TEXT
    if is_long or (type(value) is int and not _is_of_64_bits(value)):
        return json.dumps([place.id])
    return json.dumps([place.rank, value, place.id], separators=(",", ":"))


def read_place(text: str, order: Order, store: Store) -> Place:
    """Return the place that a text of a URL stands for.

    Raises:
        QueryError: It cannot be read, or its record is no longer there.
        ExporterUnavailable: The database cannot be read now.
    """
    try:
        parts = json.loads(text)
        if isinstance(parts, list) and len(parts) == 1 and _is_id(parts[0]):
            return _place_of_record(parts[0], order, store)
        rank, value, id_ = parts
        if _is_id(id_) and type(rank) is int and (place := _place(rank, value, id_, order)):
            return place
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    raise QueryError("this place in the list cannot be read. Begin with the newest records")


def _place(rank: int, value: Any, id_: str, order: Order) -> Place | None:  # noqa: ANN401 - JSON
    operand = order.operand
    if isinstance(operand, query.Field) and operand.type == "time":
        moment = datetime.fromisoformat(value)
        is_right = rank == _NUMBER and moment.tzinfo is not None
        return query.Place(0, moment.astimezone(timezone.utc), id_) if is_right else None
    if rank == _NUMBER:
        is_right = type(value) in {int, float} and math.isfinite(value)
        is_right = is_right and (type(value) is float or _is_of_64_bits(value))
    elif rank == _TEXT:
        is_right = isinstance(value, str) and not _IMPOSSIBLE.search(value)
    else:
        is_right = (rank, type(value)) in {(_BOOL, bool), (_ALL_ELSE, type(None))}
    if isinstance(operand, query.Field):
        is_right = is_right and rank in {_TEXT if operand.type == "text" else _NUMBER, _ALL_ELSE}
    return query.Place(rank, value, id_) if is_right else None  # type: ignore[arg-type] # 0 to 3


def _is_of_64_bits(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _place_of_record(id_: str, order: Order, store: Store) -> Place:
    found = store.select(query.Selection(query.Compare(query.Field("id"), "==", id_), limit=1))
    if not found:
        raise QueryError(
            "the record at this place of the list is no longer there. Begin with the newest records"
        )
    return query.place_of(found[0].as_data(), order)


def _is_id(text: object) -> bool:
    return isinstance(text, str) and _ID.fullmatch(text) is not None
