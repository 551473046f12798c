"""What is rolled up: `Cubes`, as the settings declare it, and the `Series` that these are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

from flask_chest.query.arguments import name
from flask_chest.query.nodes import FIELDS, Field, Operand, Variable
from flask_chest.rollup.declaration import Declaration
from flask_chest.rollup.tiers import DAY, FIVE_MINUTES, HOUR, MINUTE, TIERS, Tier, floor

Kind: TypeAlias = Literal["numbers", "distinct"]

DURATION: Final = Field("duration_ms")
REQUESTS: Final[tuple[Operand, ...]] = tuple(
    map(Field, ("service", "route", "method", "status_code"))
)
"""The dimensions of every store with rollups."""


@dataclass(frozen=True)
class Series:
    """Rows of one kind about one operand, by some dimensions.

    Attributes:
        by: The dimensions; none for all records together.
        operand: What the rows are about. Records in which it is no number (`numbers`), or null or
            missing (`distinct`), are left out.
        kind: `numbers` (sums and a histogram) or `distinct` (a sketch of the values).
    """

    by: tuple[Operand, ...]
    operand: Operand
    kind: Kind

    @property
    def are_sketches(self) -> bool:
        """Whether the payloads of its rows are sketches."""
        return self.kind == "distinct"

    def definition(self) -> str:
        """Return the series as a text, as `series_of` reads it."""
        names = [_name(each) for each in self.by]
        return json.dumps([self.kind, names, _name(self.operand)], separators=(",", ":"))


def series_of(definition: str) -> Series:
    """Return the series that a definition is of."""
    kind, by, operand = json.loads(definition)
    return Series(tuple(map(_operand, by)), _operand(operand), kind)


def _name(operand: Operand) -> str | list[str]:
    return operand.name if isinstance(operand, Field) else list(operand.path)


def _operand(found: Any) -> Operand:  # noqa: ANN401 - decoded JSON
    return Field(found) if isinstance(found, str) and found in FIELDS else Variable(tuple(found))


@dataclass(frozen=True)
class Cubes:
    """What one application declares.

    Attributes:
        dimensions: Besides none, and those of `REQUESTS`.
        measures: Operands besides `duration_ms`.
        distinct: Operands whose different values are counted.
        retention: How long each tier is kept; None for ever.
        max_groups: Most groups of a bucket.
    """

    dimensions: tuple[tuple[Operand, ...], ...] = ()
    measures: tuple[Operand, ...] = ()
    distinct: tuple[Operand, ...] = ()
    retention: dict[Tier, timedelta | None] = field(
        default_factory=lambda: {MINUTE: timedelta(days=2), HOUR: timedelta(days=60), DAY: None}
    )
    max_groups: int = 1_000

    @classmethod
    def of(cls, declared: Declaration) -> Cubes:
        """Return what a declaration says.

        Raises:
            QueryError: A name cannot be read.
        """
        return cls(
            dimensions=tuple(tuple(map(name, names)) for names in declared.dimensions),
            measures=tuple(map(name, declared.measures)),
            distinct=tuple(map(name, declared.distinct)),
            retention={MINUTE: declared.minute, HOUR: declared.hour, DAY: declared.day},
            max_groups=declared.max_groups,
        )

    def series(self) -> list[Series]:
        """Return all series, each once."""
        cubes = dict.fromkeys([(), REQUESTS, *self.dimensions])
        numbers = dict.fromkeys([DURATION, *self.measures])
        distinct = dict.fromkeys(self.distinct)
        return [
            *(Series(by, operand, "numbers") for by in cubes for operand in numbers),
            *(Series(by, operand, "distinct") for by in cubes for operand in distinct),
        ]

    def expiry(self, now: float) -> dict[Tier, int]:
        """Return before which moment the rows of each tier that is not kept for ever expire.

        A tier is kept at least as long as the one below it. Five minutes are kept as minutes are.

        Args:
            now: Unix seconds.
        """
        found: dict[Tier, int] = {}
        longest = timedelta(0)
        for tier in TIERS:
            keep = self.retention[MINUTE if tier == FIVE_MINUTES else tier]
            if keep is None:
                break
            longest = max(longest, keep)
            found[tier] = floor(int(now - longest.total_seconds()), DAY)
        return found


def source_of(series: Series, all_series: Iterable[Series]) -> Series:
    """Return the series from whose groups those of a series are made: the finest that has them.

    It is the series itself if no other has all of its dimensions.
    """
    finer = [
        each
        for each in all_series
        if (each.operand, each.kind) == (series.operand, series.kind)
        and set(each.by) > set(series.by)
    ]
    return min(finer, key=lambda each: (-len(each.by), each.definition()), default=series)
