"""`Part`: what is known of one group of records. The parts of a group are merged by addition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from flask_chest.query.arguments import Chosen
from flask_chest.query.distinct import Distinct, Identity
from flask_chest.query.fold import added
from flask_chest.query.histogram import Ranking, bin_of, value_of
from flask_chest.query.nodes import Node, Operand
from flask_chest.query.questions import Scalar, Sums

Key: TypeAlias = tuple[Scalar, ...]
"""The values of a group, as `TallyRow.key` has them."""

_Of = TypeVar("_Of")


@dataclass(slots=True)
class Part:
    """What is known of one group of records, or of some of them. Any of it may be empty.

    All weights are sums of the weights of records. What is merged must have been measured on
    different records, or on the same ones for different fields: the bins of an operand may be in
    one part, and the number of records in another.

    Attributes:
        records: Number of records.
        weight: Their weight.
        errors: Weight of those with an `error`, or a `status_code` of at least 500.
        sums: What `sum`, `mean`, `min` and `max` need, by operand.
        exact: Weight by value, of the operand's numbers, for percentiles and histograms.
        bins: Weight by bin of `query.histogram`, for the same. An operand may be in both: the
            numbers of some records are known, and the bins of the others.
        values: Weight by value, of whatever type, for `top`.
        distinct: The different values, by operand.
        shares: Weight of the records that satisfy a condition.
        ranked: The operands' numbers in their order, as far as a percentile was asked.
    """

    records: int = 0
    weight: float = 0.0
    errors: float = 0.0
    sums: dict[Operand, Sums] = field(default_factory=dict)
    exact: dict[Operand, dict[float, float]] = field(default_factory=dict)
    bins: dict[Operand, dict[int, float]] = field(default_factory=dict)
    values: dict[Operand, dict[Identity, float]] = field(default_factory=dict)
    distinct: dict[Operand, Distinct] = field(default_factory=dict)
    shares: dict[Node, float] = field(default_factory=dict)
    ranked: dict[Operand, Ranking] | None = field(default=None, repr=False, compare=False)

    def merge(self, other: Part) -> None:
        """Add what is known of other records. `other` must not be used afterwards."""
        self.ranked = None
        self.records += other.records
        self.weight += other.weight
        self.errors += other.errors
        for operand, sums in other.sums.items():
            known = self.sums.get(operand)
            self.sums[operand] = sums if known is None else added(known, sums)
        for operand, numbers in other.exact.items():
            _add(self.exact.setdefault(operand, {}), numbers)
        for operand, bins in other.bins.items():
            _add(self.bins.setdefault(operand, {}), bins)
        for operand, values in other.values.items():
            _add(self.values.setdefault(operand, {}), values)
        for operand, distinct in other.distinct.items():
            if operand in self.distinct:
                self.distinct[operand].merge(distinct)
            else:
                self.distinct[operand] = distinct
        _add(self.shares, other.shares)

    @property
    def size(self) -> int:
        """How many values it keeps, of `values` and `distinct`."""
        if not (self.values or self.distinct):
            return 0
        values = sum(map(len, self.values.values()))
        return values + sum(distinct.size for distinct in self.distinct.values())

    def percentile(self, operand: Operand, percent: float) -> float | None:
        """Return a percentile of an operand's numbers; None without any.

        Args:
            operand: One that is in `exact` or in `bins`.
            percent: Above 0, and at most 100.
        """
        if self.ranked is None:
            self.ranked = {}
        has_bins = operand in self.bins
        if operand not in self.ranked:
            weights = self.histogram(operand) if has_bins else self.exact.get(operand, {})
            self.ranked[operand] = Ranking(weights)
        found = self.ranked[operand].percentile(percent)
        return value_of(int(found)) if has_bins and found is not None else found

    def histogram(self, operand: Operand) -> dict[float, float]:
        """Return the weight by bin of an operand's numbers.

        Args:
            operand: One that is in `exact` or in `bins`.
        """
        bins: dict[float, float] = {}
        bins.update(self.bins.get(operand, {}).items())
        for value, weight in self.exact.get(operand, {}).items():
            number = bin_of(value)
            bins[number] = bins.get(number, 0.0) + weight
        return bins


def _add(weights: dict[_Of, float], others: dict[_Of, float]) -> None:
    for each, weight in others.items():
        weights[each] = weights.get(each, 0.0) + weight


@dataclass(frozen=True)
class Need:
    """What must be known of each group, and of which records.

    Attributes:
        chosen: Which records.
        slot_seconds: Length of a slot: see `Tally`. None for one group of all times.
        by: Then they are grouped by the values of these.
        counts: Whether `records`, `weight` and `errors` are needed.
        sums: Operands for `Part.sums`.
        exact: Operands for `Part.exact`. A source that has bins alone gives these.
        bins: Operands for `Part.bins`.
        values: Operands for `Part.values`.
        distinct: Operands for `Part.distinct`.
        shares: Conditions for `Part.shares`.
    """

    chosen: Chosen
    slot_seconds: int | None = None
    by: tuple[Operand, ...] = ()
    counts: bool = True
    sums: tuple[Operand, ...] = ()
    exact: tuple[Operand, ...] = ()
    bins: tuple[Operand, ...] = ()
    values: tuple[Operand, ...] = ()
    distinct: tuple[Operand, ...] = ()
    shares: tuple[Node, ...] = ()


class Located(NamedTuple):
    """A part, and the group that it is of.

    Attributes:
        slot: As in `TallyRow`.
        key: As in `TallyRow`.
        part: What is known of it. Other parts of the same group may follow.
    """

    slot: int | None
    key: Key
    part: Part


class Source(Protocol):
    """What knows parts of groups: the records of a store, or its rollups."""

    def parts(self, need: Need) -> Iterator[Located]:
        """Yield the parts of all groups, in any order."""

    def explain(self) -> list[str]:
        """Return where all parts so far came from, a sentence each."""
