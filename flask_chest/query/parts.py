"""`Part`: what is known of one group of records. The parts of a group are merged by addition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias, TypeVar, cast

from flask_chest.query.arguments import Chosen
from flask_chest.query.distinct import Distinct, Identity
from flask_chest.query.fold import added
from flask_chest.query.histogram import Ranking, bin_of, value_of
from flask_chest.query.nodes import Node, Operand
from flask_chest.query.questions import Scalar, Sums

Key: TypeAlias = tuple[Scalar, ...]
"""The values of a group, as `TallyRow.key` has them."""

_Of = TypeVar("_Of")


class Part:
    """What is known of one group of records, or of some of them. Any of it may be empty.

    All weights are sums of the weights of records. What is merged must have been measured on
    different records, or on the same ones for different fields: the bins of an operand may be in
    one part, and the number of records in another. An answer has thousands of parts, so a dict is
    made when it is first used.

    Attributes:
        records: Number of records.
        weight: Their weight.
        errors: Weight of those with an `error`, or a `status_code` of at least 500.
    """

    __slots__ = (
        *("records", "weight", "errors"),
        *("_bins", "_distinct", "_exact", "_shares", "_sums", "_values"),
    )

    def __init__(
        self,
        records: int = 0,
        weight: float = 0.0,
        errors: float = 0.0,
        *,
        bins: dict[Operand, dict[int, float]] | None = None,
        shares: dict[Node, float] | None = None,
    ) -> None:
        self.records = records
        self.weight = weight
        self.errors = errors
        self._bins = bins
        self._shares = shares
        self._sums: dict[Operand, Sums] | None = None
        self._exact: dict[Operand, dict[float, float]] | None = None
        self._values: dict[Operand, dict[Identity, float]] | None = None
        self._distinct: dict[Operand, Distinct] | None = None

    @property
    def sums(self) -> dict[Operand, Sums]:
        """What `sum`, `mean`, `min` and `max` need, by operand."""
        if self._sums is None:
            self._sums = {}
        return self._sums

    @property
    def exact(self) -> dict[Operand, dict[float, float]]:
        """Weight by value, of the operand's numbers, for percentiles."""
        if self._exact is None:
            self._exact = {}
        return self._exact

    @property
    def bins(self) -> dict[Operand, dict[int, float]]:
        """Weight by bin of `query.histogram`, for the same.

        An operand may be in both: the numbers of some records are known, and the bins of the rest.
        """
        if self._bins is None:
            self._bins = {}
        return self._bins

    @property
    def values(self) -> dict[Operand, dict[Identity, float]]:
        """Weight by value, of whatever type, for `top`."""
        if self._values is None:
            self._values = {}
        return self._values

    @property
    def distinct(self) -> dict[Operand, Distinct]:
        """The different values, by operand."""
        if self._distinct is None:
            self._distinct = {}
        return self._distinct

    @property
    def shares(self) -> dict[Node, float]:
        """Weight of the records that satisfy a condition."""
        if self._shares is None:
            self._shares = {}
        return self._shares

    def merge(self, other: Part) -> None:
        """Add what is known of other records. `other` must not be used afterwards."""
        self.records += other.records
        self.weight += other.weight
        self.errors += other.errors
        for operand, sums in (other._sums or {}).items():
            known = self.sums.get(operand)
            self.sums[operand] = sums if known is None else added(known, sums)
        for operand, numbers in (other._exact or {}).items():
            _add(self.exact.setdefault(operand, {}), numbers)
        for operand, bins in (other._bins or {}).items():
            _add(self.bins.setdefault(operand, {}), bins)
        for operand, values in (other._values or {}).items():
            _add(self.values.setdefault(operand, {}), values)
        for operand, distinct in (other._distinct or {}).items():
            if operand in self.distinct:
                self.distinct[operand].merge(distinct)
            else:
                self.distinct[operand] = distinct
        if other._shares:
            _add(self.shares, other._shares)

    @property
    def size(self) -> int:
        """How many values it keeps, of `values` and `distinct`."""
        found = 0
        if self._values:
            found += sum(map(len, self._values.values()))
        if self._distinct:
            found += sum(distinct.size for distinct in self._distinct.values())
        return found

    def percentile(self, operand: Operand, percent: float) -> float | None:
        """Return a percentile of an operand's numbers; None without any.

        Args:
            operand: One that is in `exact` or in `bins`.
            percent: Above 0, and at most 100.
        """
        return self.percentiles(operand, [percent])[0]

    def percentiles(self, operand: Operand, percents: Sequence[float]) -> list[float | None]:
        """Return several, for which the numbers are sorted once. Arguments as of `percentile`."""
        has_bins = operand in self.bins
        weights = self.histogram(operand) if has_bins else self.exact.get(operand, {})
        if len(weights) == 1:
            found: list[float | None] = [*weights] * len(percents)
        else:
            found = list(map(Ranking(weights).percentile, percents))
        if not has_bins:
            return found
        return [None if each is None else value_of(int(each)) for each in found]

    def histogram(self, operand: Operand) -> dict[float, float]:
        """Return the weight by bin of an operand's numbers. It must not be changed.

        Args:
            operand: One that is in `exact` or in `bins`.
        """
        bins = cast("dict[float, float]", self.bins.get(operand, {}))
        if not self._exact or operand not in self._exact:
            return bins
        bins = dict(bins)
        for value, weight in self._exact[operand].items():
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
