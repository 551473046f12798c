"""What a store is asked: `Selection` for records, and `Tally` for sums over them.

Everything in `Store` that reads is made of these two. All parts are plain values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias

from flask_chest.query.nodes import Field, Node, Operand

Scalar: TypeAlias = str | int | float | bool | None
"""A value that makes a group."""

OBJECT: Final = "{\N{HORIZONTAL ELLIPSIS}}"
"""Stands for every dict where records are grouped by a variable."""

LIST: Final = "[\N{HORIZONTAL ELLIPSIS}]"
"""Stands for every list there."""

STARTED_AT: Final = Field("started_at")


@dataclass(frozen=True)
class Order:
    """In which order records are returned.

    Numbers come first, then texts, then bools, whatever the direction is; within each, the
    direction decides. Texts are ordered by code points, and False comes before True. Records in
    which the operand is null, missing, a dict or a list come last. Records that are equal by all
    this are ordered by `id`, in the same direction.

    Attributes:
        operand: What decides.
        descending: The direction.
    """

    operand: Operand = STARTED_AT
    descending: bool = True


Rank: TypeAlias = Literal[0, 1, 2, 3]
"""Number, text (and a time), bool, all else. A field whose type is `time` has rank 0."""


class Place(NamedTuple):
    """The place of a record in an order. The next page begins behind it.

    Attributes:
        rank: Kind of the value: see `Order`.
        value: The operand's value; a datetime for `started_at`; None where `rank` is 3.
        id: The record's ID; empty for the place before all records of that value, or, in a
            descending order, behind them.
    """

    rank: Rank
    value: Scalar | datetime
    id: str


@dataclass(frozen=True)
class Selection:
    """Some records, in an order.

    Attributes:
        where: Condition on each; None for all.
        since: Aware datetime in UTC: they started then or later.
        until: Aware datetime in UTC: they started before.
        order: Their order.
        after: Those behind this place alone.
        limit: At most so many, from 1 on.
    """

    where: Node | None = None
    since: datetime | None = None
    until: datetime | None = None
    order: Order = Order()
    after: Place | None = None
    limit: int = 1_000


@dataclass(frozen=True)
class Spread:
    """How each group of a `Tally` is divided once more.

    Attributes:
        operand: By its value. Records in which it is null or missing are left out.
        as_bins: By the bin of its value, if that is a number: see `query.histogram`. Records in
            which it is no number are left out.
    """

    operand: Operand
    as_bins: bool = False


@dataclass(frozen=True)
class Tally:
    """Sums over groups of records.

    Attributes:
        where: Condition on each record; None for all.
        since: Aware datetime in UTC: they started then or later.
        until: Aware datetime in UTC: they started before.
        slot_seconds: Length of a slot, by which records are grouped first; None for one group of
            all times. Slots begin at multiples of it since 1970 in UTC.
        by: Then they are grouped by the values of these, none of which is `started_at`.
        numbers: What is summed.
        spread: Divides each group once more.
    """

    where: Node | None = None
    since: datetime | None = None
    until: datetime | None = None
    slot_seconds: int | None = None
    by: tuple[Operand, ...] = ()
    numbers: tuple[Operand, ...] = ()
    spread: Spread | None = None


class Sums(NamedTuple):
    """What is known of one of the `numbers` in a group. A value that is no number is left out.

    Attributes:
        weight: Sum of the weights of the records in which it is a number.
        total: Sum of value times weight.
        least: The smallest value; None without any.
        most: The largest.
    """

    weight: float
    total: float
    least: float | None
    most: float | None


class TallyRow(NamedTuple):
    """One group of a `Tally`. A group may come in several rows, which are then added.

    Attributes:
        slot: Unix time in seconds of the beginning of the slot; None where there are no slots.
        key: For each of `by` its value: a text, a number, a bool; None where it is null or
            missing; `OBJECT` or `LIST` for what is one. 1 and 1.0 are the same value.
        spread: The value of the spread, in the same form, or the number of the bin; else None.
        records: Number of records.
        weight: Sum of their weights.
        errors: Sum of the weights of those with an `error`, or a `status_code` of at least 500.
        numbers: `Sums` for each of `numbers`.
    """

    slot: int | None
    key: tuple[Scalar, ...]
    spread: Scalar
    records: int
    weight: float
    errors: float
    numbers: Sequence[Sums] = ()
