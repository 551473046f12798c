"""`Made`: rows that were computed, and how they are written in short transactions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from flask_chest.rollup.compute import Buckets, raised
from flask_chest.rollup.tiers import FIVE_MINUTES, MINUTE, Tier, ceiling, floor

if TYPE_CHECKING:
    from flask_chest.rollup.cubes import Series
    from flask_chest.rollup.storage import Change

_ROWS_AT_ONCE: Final = 3_000
"""Rows that one transaction writes, as a writer of records waits for it."""


class Made:
    """The rows of some buckets. With minutes, the five minutes that they make are written, too.

    Args:
        buckets: Their beginnings; the step is their tier.
        rows: By the series and the bucket.
        max_groups: Most groups of a bucket.
        until: Five minutes that end later have not ended, in Unix seconds.
    """

    def __init__(
        self, buckets: range, rows: Mapping[Series, Buckets], max_groups: int, until: int
    ) -> None:
        self.buckets = buckets
        self._rows = rows
        self._until = until
        self._fives: dict[Series, Buckets] = {}
        if buckets.step == MINUTE:
            self._fives = {
                series: raised(series, found, FIVE_MINUTES, max_groups)
                for series, found in rows.items()
            }

    def parts(self) -> list[range]:
        """Return the buckets as ranges, each with few enough rows for one transaction."""
        found: list[range] = []
        begin, rows, step = self.buckets.start, 0, self.buckets.step
        for bucket in self.buckets:
            new = sum(len(of.get(bucket, ())) for of in self._rows.values())
            is_cut = step > MINUTE or not bucket % FIVE_MINUTES
            if is_cut and rows and rows + new > _ROWS_AT_ONCE:
                found.append(range(begin, bucket, step))
                begin, rows = bucket, 0
            rows += new
        return [*found, range(begin, self.buckets.stop, step)]

    def write(self, change: Change, part: range) -> None:
        """Replace the rows of a part, and of the five minutes in it that are whole and over.

        Those that are not lack something from now on.
        """
        _replace(change, part, self._rows)
        if part.step > MINUTE:
            return
        until = floor(min(part.stop, self._until), FIVE_MINUTES)
        whole = range(ceiling(part.start, FIVE_MINUTES), until, FIVE_MINUTES)
        touched = {floor(minute, FIVE_MINUTES) for minute in part}
        dirty = change.state.dirty
        dirty[FIVE_MINUTES] = (dirty[FIVE_MINUTES] | touched) - set(whole)
        if whole:
            _replace(change, whole, self._fives)


def _replace(change: Change, buckets: range, rows: Mapping[Series, Buckets]) -> None:
    for series, kept in change.state.series.items():
        if series in rows:
            found = {bucket: rows[series][bucket] for bucket in buckets if bucket in rows[series]}
            change.replace(kept.id, cast("Tier", buckets.step), buckets, found)
