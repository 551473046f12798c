"""`Window`: a time range whose ends are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final

from flask_chest.errors import QueryError

_BUCKETS: Final = (
    (timedelta(minutes=2), "1s"),
    (timedelta(minutes=20), "15s"),
    (timedelta(hours=2), "1m"),
    (timedelta(hours=8), "5m"),
    (timedelta(days=1), "15m"),
    (timedelta(days=3), "1h"),
    (timedelta(days=8), "2h"),
    (timedelta(days=31), "6h"),
    (timedelta(days=100), "1d"),
    (timedelta(days=800), "1w"),
)
"""Up to which range a bucket has which length, so that a chart has some 60 to 180 points."""

_FEW_BUCKETS: Final = (
    (timedelta(minutes=2), "5s"),
    (timedelta(minutes=20), "1m"),
    (timedelta(hours=2), "5m"),
    (timedelta(hours=8), "15m"),
    (timedelta(days=1, hours=1), "1h"),
    (timedelta(days=3), "3h"),
    (timedelta(days=8), "6h"),
    (timedelta(days=40), "1d"),
    (timedelta(days=100), "3d"),
    (timedelta(days=800), "4w"),
)
"""The same for a line as small as a word, of some 20 to 40 points."""

_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_FIXED: Final = timedelta(hours=1)
"""Buckets of up to this are all of one length. Longer ones begin when the clocks show it."""

_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Window:
    """A time range whose ends are known.

    Attributes:
        since: An aware datetime in UTC.
        until: An aware datetime in UTC, after `since`.
        every: Length of a bucket that suits it.
        tz: Time zone of the buckets.
    """

    since: datetime
    until: datetime
    every: str
    tz: tzinfo = timezone.utc

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since

    @property
    def few(self) -> str:
        """Length of a bucket for a line as small as a word."""
        return next((every for most, every in _FEW_BUCKETS if self.length <= most), "1y")

    def before(self) -> Window:
        """Return the range of the same length before this one.

        It is earlier by a whole number of buckets, so that buckets of the two can be compared one
        by one. Buckets of more than an hour are counted by the clocks, so where these change, the
        length is that of the clocks, too.

        Raises:
            QueryError: There is no time before.
        """
        unit = _UNITS.get(self.every.lstrip("0123456789"))
        every = int(self.every.rstrip("smhdw")) * unit if unit else self.length  # months
        clock = self.tz if unit and every > _FIXED else timezone.utc
        try:
            since, until = _shown(self.since, clock), _shown(self.until, clock)
            shift = -(-(until - since) // every) * every
            return replace(
                self, since=_moment(since - shift, clock), until=_moment(until - shift, clock)
            )
        except OverflowError:
            raise QueryError("there is no time before this range: choose a later one") from None


def _shown(moment: datetime, tz: tzinfo) -> datetime:
    """Return what the clocks show. When they go from 2 to 3, it is 2, where a bucket begins."""
    return (moment - _TICK).astimezone(tz).replace(tzinfo=None) + _TICK


def _moment(shown: datetime, tz: tzinfo) -> datetime:
    """Return when the clocks show this, the first time."""
    return shown.replace(tzinfo=tz).astimezone(timezone.utc)


def bucket(length: timedelta) -> str:
    """Return the length of a bucket for a range of this length."""
    return next((every for most, every in _BUCKETS if length <= most), "1mo")
