"""Records of a store one by one, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Protocol

from flask_chest.query.arguments import Chosen
from flask_chest.query.fold import place_of
from flask_chest.query.questions import Order, Selection, Tally, TallyRow
from flask_chest.record import Record

PAGE: Final = 1_000
"""Records that are in memory at the same time."""


class Reader(Protocol):
    """The part of a store that answers. `Store` says what the two must do."""

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order."""

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally, in any order."""


def records(
    reader: Reader, chosen: Chosen, order: Order, limit: int | None = None
) -> Iterator[Record]:
    """Yield the chosen records in an order.

    Args:
        reader: The store.
        chosen: Which records.
        order: Their order.
        limit: At most so many; None for all.
    """
    selection = Selection(chosen.where, chosen.since, chosen.until, order)
    left = limit
    while left is None or left > 0:
        wanted = PAGE if left is None else min(PAGE, left)
        page = reader.select(replace(selection, limit=wanted))
        yield from page
        if len(page) < wanted:
            return
        left = None if left is None else left - wanted
        selection = replace(selection, after=place_of(page[-1].as_data(), order))
