"""`State`: what is known of all rollups of a database. It is one document, in one row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from flask_chest.errors import SchemaMismatch
from flask_chest.query.comparing import written
from flask_chest.rollup.cubes import DURATION, REQUESTS, Series, series_of
from flask_chest.rollup.declaration import Declaration
from flask_chest.rollup.tiers import BELOW, EVER, FIVE_MINUTES, NEVER, TIERS, Tier, floor

VERSION = 2
"""Of the tables of the rollups. It rises when an older Flask-Chest must not write them."""


@dataclass
class Kept:
    """A series in the database.

    Attributes:
        id: Its number in the rows.
        since: Its buckets that begin at this moment or later are there, on every tier; those
            before are not complete.
    """

    id: int
    since: int


@dataclass
class State:
    """What is known of all rollups of a database.

    Attributes:
        revision: How often it was written. Who computes without a lock compares it before writing.
        frozen: Buckets that begin before this moment are not computed any more, as their records
            may have been deleted.
        tiers_since: Rows of the tier are there from this moment on; those before have exceeded the
            retention of the tier. Always the beginning of a day.
        dirty: Buckets of hours and days that do not have all of what is below them.
        max_groups: Most groups of a bucket.
        swept_at: When minutes without a mark were looked for last, in Unix seconds.
        suspect_until: Until then they are looked for often.
        keeper: The host that keeps them up, so that others need not do the same work.
        kept_until: Until then no other host does it, in Unix seconds.
        late: Number of marks of frozen buckets: records that came too late to be rolled up.
        series: All that are kept up to date, by all applications that use the database.
    """

    revision: int = 0
    frozen: int = EVER
    tiers_since: dict[Tier, int] = field(default_factory=lambda: dict.fromkeys(TIERS, EVER))
    dirty: dict[Tier, set[int]] = field(default_factory=lambda: {tier: set() for tier in BELOW})
    max_groups: int = 1_000
    swept_at: int = 0
    suspect_until: int = 0
    keeper: str = ""
    kept_until: int = 0
    late: int = 0
    series: dict[Series, Kept] = field(default_factory=dict)

    def declared(self) -> Declaration:
        """Return what is rolled up besides what is for every store.

        It is what all applications that use the database have declared. How long tiers are kept is
        not known here.
        """
        by = dict.fromkeys(each.by for each in self.series if each.by not in {(), REQUESTS})
        operands: dict[str, list[str]] = {"numbers": [], "distinct": []}
        for each in self.series:
            text = written(each.operand)
            if each.operand != DURATION and text not in operands[each.kind]:
                operands[each.kind].append(text)
        return Declaration(
            dimensions=tuple(tuple(map(written, names)) for names in by),
            measures=tuple(operands["numbers"]),
            distinct=tuple(operands["distinct"]),
            max_groups=self.max_groups,
        )

    def soil(self, tier: Tier, bucket: int) -> None:
        """Note that a bucket has changed, so that the hour and the day above it lack something."""
        for upper in self.dirty:
            if upper > max(tier, FIVE_MINUTES):
                self.dirty[upper].add(floor(bucket, upper))

    def tier_of(self, moment: int) -> Tier:
        """Return the lowest tier whose rows of a moment are kept."""
        return next((tier for tier in TIERS if moment >= self.tiers_since[tier]), TIERS[-1])

    def is_frozen(self, minute: int) -> bool:
        """Return whether a mark of a minute has no effect any more."""
        return floor(minute, self.tier_of(minute)) < self.frozen

    def add(self, series: Series, since: int) -> None:
        """Add a series that is not there yet."""
        used = [kept.id for kept in self.series.values()]
        self.series[series] = Kept(max(used, default=0) + 1, since)

    def dump(self) -> str:
        """Return the state as JSON."""
        return json.dumps(
            {
                "version": VERSION,
                "revision": self.revision,
                "frozen": self.frozen,
                "tiers_since": {str(tier): since for tier, since in self.tiers_since.items()},
                "dirty": {str(tier): sorted(buckets) for tier, buckets in self.dirty.items()},
                "max_groups": self.max_groups,
                "swept_at": self.swept_at,
                "suspect_until": self.suspect_until,
                "keeper": self.keeper,
                "kept_until": self.kept_until,
                "late": self.late,
                "series": {
                    series.definition(): [kept.id, kept.since]
                    for series, kept in self.series.items()
                },
            },
            separators=(",", ":"),
        )

    @classmethod
    def load(cls, text: str, location: str = "the database") -> State:
        """Return the state that `dump` made the text of.

        Raises:
            SchemaMismatch: A newer Flask-Chest has made it.
        """
        found = json.loads(text)
        if found["version"] > VERSION:
            raise SchemaMismatch(
                f"{location} has rollups of the version {found['version']}; this Flask-Chest "
                f"writes {VERSION}. Upgrade it together with its plugins: "
                "docs/how-to/upgrade.md"
            )
        return cls(
            revision=found["revision"],
            frozen=found["frozen"],
            # Version 1 has no five minutes.
            tiers_since={tier: found["tiers_since"].get(str(tier), NEVER) for tier in TIERS},
            dirty={tier: set(found["dirty"].get(str(tier), ())) for tier in BELOW},
            max_groups=found["max_groups"],
            swept_at=found["swept_at"],
            suspect_until=found["suspect_until"],
            # An older Flask-Chest neither knows the keeper nor keeps it.
            keeper=found.get("keeper", ""),
            kept_until=found.get("kept_until", 0),
            late=found["late"],
            series={
                series_of(definition): Kept(*kept) for definition, kept in found["series"].items()
            },
        )
