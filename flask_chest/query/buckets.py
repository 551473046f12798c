"""Buckets of time: hours, days, weeks and months as the clocks of a time zone have them."""

from __future__ import annotations

import difflib
import math
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from flask_chest.errors import QueryError

MOST: Final = 10_000
"""Buckets of one answer."""

_LENGTH: Final = re.compile(r"\s*([0-9]{1,6})(s|mo|m|h|d|w|y)\s*")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
_SHORTEST: Final = {"d": 86_400, "w": 604_800, "mo": 28 * 86_400, "y": 365 * 86_400}
_DAY: Final = 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MONDAY: Final = date(1970, 1, 5).toordinal()
_DAY_0: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Length:
    """The length of a bucket.

    Attributes:
        count: Number of units.
        unit: One of ``s m h d w mo y``.
    """

    count: int
    unit: str

    @property
    def shortest_seconds(self) -> int:
        """How short a bucket may be, up to changes of the clocks."""
        return self.count * (_SECONDS.get(self.unit) or _SHORTEST[self.unit])


def length(every: str) -> Length:
    """Return the length of a bucket, such as ``5m``, ``1h``, ``1d``, ``1w``, ``1mo`` or ``1y``.

    Raises:
        QueryError: It is none. A day has a whole number of buckets, if they are shorter, and a year
            has a whole number of buckets of months.
    """
    found = _LENGTH.fullmatch(every) if isinstance(every, str) else None
    if found is None or int(found[1]) == 0:
        raise QueryError(
            f"every={every!r} is no length of a bucket. Write a number and a unit: 30s, 5m, 1h, "
            "1d, 1w, 1mo, 1y"
        )
    made = Length(int(found[1]), found[2])
    whole, count = (12, made.count) if made.unit == "mo" else (_DAY, made.shortest_seconds)
    if made.unit in ("s", "m", "h", "mo") and whole % count:
        if count > whole:
            raise QueryError(f"every={every!r}: write it in {'years' if whole == 12 else 'days'}")
        unit = 1 if made.unit == "mo" else _SECONDS[made.unit]
        near = _near(count, whole, unit)
        raise QueryError(
            f"every={every!r}: a {'year' if whole == 12 else 'day'} has no whole number of these. "
            f"Write {' or '.join(f'{each // unit}{made.unit}' for each in near)}"
        )
    return made


def _near(count: int, whole: int, unit: int) -> list[int]:
    divisors = [each for each in range(unit, whole + 1, unit) if whole % each == 0]
    below = [each for each in divisors if each < count][-1:]
    return below + [each for each in divisors if each > count][:1]


def bucket_begin(moment: datetime, every: str, tz: str = "UTC") -> datetime:
    """Return the beginning of the bucket that a moment is in, in UTC.

    Args:
        moment: An aware datetime.
        every: Length of the buckets, as for `Store.measure`.
        tz: Their time zone.

    Raises:
        QueryError: It is no length or no time zone, or the moment is at an end of all time.
    """
    made = buckets(moment, moment + timedelta(microseconds=1), length(every), zone(tz))
    return _EPOCH + timedelta(seconds=made.borders[0])


def zone(tz: str) -> tzinfo:
    """Return a time zone.

    Raises:
        QueryError: There is none of that name.
    """
    if tz == "UTC":
        return timezone.utc  # also where no database of time zones is installed
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError, TypeError):
        known = available_timezones()
    if not known:
        raise QueryError(f"tz={tz!r}: no time zones are installed here: pip install tzdata")
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(tz).lower(), by_lower, 1)
    hint = f"Write {by_lower[near[0]]!r}" if near else "Write one such as 'Europe/Berlin'"
    raise QueryError(f"tz={tz!r} is no time zone. {hint}")


@dataclass(frozen=True)
class Buckets:
    """All buckets of a range of time, without gaps.

    Attributes:
        borders: Where each begins, and at last where the last ends: Unix time in seconds.
        tz: Their time zone.
    """

    borders: tuple[int, ...]
    tz: tzinfo

    def __len__(self) -> int:
        return len(self.borders) - 1

    @property
    def slot_seconds(self) -> int:
        """Length of slots, as `Tally` has them, of which every bucket has a whole number."""
        return math.gcd(*self.borders)

    def at(self, moment: int) -> int:
        """Return the index of the bucket in which a moment is. There may be none such."""
        return bisect_right(self.borders, moment) - 1

    def label(self, index: int) -> str:
        """Return the beginning of a bucket: ISO 8601, in the time zone."""
        begin = _EPOCH + timedelta(seconds=self.borders[index])
        return begin.astimezone(self.tz).isoformat(timespec="seconds")

    def covered(self, index: int, begin: datetime, end: datetime) -> float:
        """Return how many seconds of a bucket are in a range of time."""
        first = max(float(self.borders[index]), (begin - _EPOCH).total_seconds())
        last = min(float(self.borders[index + 1]), (end - _EPOCH).total_seconds())
        return max(last - first, 0.0)


def buckets(begin: datetime, end: datetime, every: Length, tz: tzinfo) -> Buckets:
    """Return the buckets that have a part of a range of time.

    Args:
        begin: Aware datetime.
        end: Aware datetime, which is no part of the range.
        every: Their length.
        tz: Where days begin at midnight, weeks on Monday, months and years on their first day.

    Raises:
        QueryError: There are too many.
    """
    number = (end - begin).total_seconds() / every.shortest_seconds
    if number > MOST:
        raise QueryError(
            f"every='{every.count}{every.unit}' makes {number:,.0f} buckets of this range, and an "
            f"answer has at most {MOST:,}. Write a longer one, or a later `since`"
        )
    borders: list[int] = []
    first, last = begin - _EPOCH, end - _EPOCH
    try:
        for border in _borders(begin.astimezone(tz), every, tz):
            moment = timedelta(seconds=border)
            if moment <= first:
                borders = [border]
                continue
            if not borders or border > borders[-1]:
                borders.append(border)
            if moment >= last:
                break
    except (OverflowError, ValueError):
        raise QueryError(
            "the range of time reaches the first or the last year there is: write a later `since`, "
            "or an earlier `until`"
        ) from None
    return Buckets(tuple(borders), tz)


def _borders(begin: datetime, every: Length, tz: tzinfo) -> Iterator[int]:
    """Yield the beginnings of buckets in a row; the first is not after `begin`, in the zone."""
    if every.unit in _SECONDS:
        yield from _in_days(begin.date(), every.shortest_seconds, tz)
        return
    if every.unit in ("d", "w"):
        days = every.count * (7 if every.unit == "w" else 1)
        anchor = _MONDAY if every.unit == "w" else _DAY_0
        ordinal = begin.toordinal() - (begin.toordinal() - anchor) % days
        while True:
            yield _unix(datetime.combine(date.fromordinal(ordinal), _MIDNIGHT), tz)
            ordinal += days
    months = every.count * (12 if every.unit == "y" else 1)
    month = begin.year * 12 + begin.month - 1
    month -= month % months
    while True:
        yield _unix(datetime(month // 12, month % 12 + 1, 1), tz)  # noqa: DTZ001 - of a zone's clocks
        month += months


def _in_days(day: date, seconds: int, tz: tzinfo) -> Iterator[int]:
    """Yield the beginnings of buckets that are shorter than a day.

    Those of up to an hour are all of one length, so that there are 25 hours on some days. Longer
    ones begin when the clocks show a multiple of it.
    """
    while True:
        midnight = datetime.combine(day, _MIDNIGHT)
        day += timedelta(days=1)
        if seconds <= 3_600:
            yield from range(
                _unix(midnight, tz), _unix(datetime.combine(day, _MIDNIGHT), tz), seconds
            )
        else:
            for second in range(0, _DAY, seconds):
                yield _unix(midnight + timedelta(seconds=second), tz)


_MIDNIGHT: Final = datetime.min.time()


def _unix(wall: datetime, tz: tzinfo) -> int:
    """Return the Unix time at which clocks show a time, the first of two."""
    return math.floor((wall.replace(tzinfo=tz) - _EPOCH).total_seconds())
