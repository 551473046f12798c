"""What the viewer has chosen, as the URL has it: the time range, the filters, the time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from flask_chest import query
from flask_chest.errors import QueryError

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

DEFAULT_SINCE: Final = "24h"
RANGES: Final = {
    "15m": "15 minutes",
    "1h": "1 hour",
    "6h": "6 hours",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "90d": "90 days",
}
"""The ranges that are offered. Any other is read, too."""

_TZ_COOKIE: Final = "chest_tz"
"""Set by the script to the time zone of the browser."""

_MOST_FILTERS: Final = 20
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

_SHARED_SECONDS: Final = 2.0
"""Seconds to which the end of a range that ends now is rounded, so that viewers share answers."""


@dataclass(frozen=True)
class Window:
    """A time range whose ends are known.

    Attributes:
        since: An aware datetime in UTC.
        until: An aware datetime in UTC, after `since`.
        every: Length of a bucket that suits it.
    """

    since: datetime
    until: datetime
    every: str

    def before(self) -> Window:
        """Return the range of the same length that ends where this one begins."""
        return Window(self.since - (self.until - self.since), self.since, self.every)


@dataclass(frozen=True)
class Choices:
    """What holds for all pages.

    Attributes:
        since: A distance back, such as ``24h``, or a local time, such as ``2026-01-31T12:00``.
        until: A local time; empty for now.
        tz: Time zone in which times are read and shown.
        has_tz: Whether the URL names the time zone.
        where: Filters, all of which hold.
        live: Whether the page refreshes itself.
    """

    since: str = DEFAULT_SINCE
    until: str = ""
    tz: str = "UTC"
    has_tz: bool = False
    where: tuple[str, ...] = ()
    live: bool = True

    @classmethod
    def read(cls, arguments: MultiDict[str, str], cookies: Mapping[str, str]) -> Choices:
        """Read the arguments of a URL.

        Raises:
            QueryError: One of them cannot be read.
        """
        named = arguments.get("tz", "").strip()
        where = [text for each in arguments.getlist("where") if (text := each.strip())]
        if len(where) > _MOST_FILTERS:
            raise QueryError(
                f"there are {len(where)} filters, and at most {_MOST_FILTERS} are read"
            )
        return cls(
            since=arguments.get("since", "").strip() or DEFAULT_SINCE,
            until=arguments.get("until", "").strip(),
            tz=_checked_zone(named) if named else _zone_of_browser(cookies),
            has_tz=bool(named),
            where=tuple(dict.fromkeys(where)),
            live=arguments.get("live") != "off",
        )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.tz)

    @property
    def filter(self) -> str | None:
        """All filters as one; None for all records."""
        if len(self.where) < 2:
            return self.where[0] if self.where else None
        return " and ".join(f"({each})" for each in self.where)

    @property
    def is_relative(self) -> bool:
        """Whether the range is a distance back from now, and moves on."""
        return self.since in RANGES or (not self.until and _is_distance(self.since))

    def window(self, now: datetime | None = None, *, every: str = "") -> Window:
        """Return the time range. Its beginning is that of a bucket.

        Args:
            now: An aware datetime; None for the present.
            every: Length of a bucket; empty for one that suits the range.

        Raises:
            QueryError: It cannot be read, or is empty.
        """
        now = now or datetime.now(timezone.utc)
        seconds = -(-now.timestamp() // _SHARED_SECONDS) * _SHARED_SECONDS
        end = datetime.fromtimestamp(seconds, timezone.utc)
        until = self._moment(self.until, end) if self.until else end
        since = self._moment(self.since, until)
        if since >= until:
            raise QueryError("the time range ends before it begins: choose an earlier beginning")
        every = every or bucket(until - since)
        if not _is_distance(self.since):
            return Window(since, until, every)
        return Window(_floor(since, every, self.zone), until, every)

    def _moment(self, text: str, now: datetime) -> datetime:
        """Read a time; one that names no zone is in that of the viewer."""
        try:
            if _is_distance(text):
                return query.moment(text, now)
            local = datetime.fromisoformat(text)
            if local.tzinfo is None:
                local = local.replace(tzinfo=self.zone)
            return local.astimezone(timezone.utc)
        except (ValueError, OverflowError):
            raise QueryError(
                f"{text[:60]!r} is no time. Write 24h or 7d, or 2026-01-31T12:00"
            ) from None

    def arguments(self) -> dict[str, str | list[str]]:
        """Return the arguments of a URL with these choices, without those that are the default."""
        found: dict[str, str | list[str]] = {}
        if self.since != DEFAULT_SINCE or self.until:
            found["since"] = self.since
        if self.until:
            found["until"] = self.until
        if self.has_tz:
            found["tz"] = self.tz
        if self.where:
            found["where"] = list(self.where)
        if not self.live:
            found["live"] = "off"
        return found

    def also(self, *conditions: str) -> Choices:
        """Return the same with more filters."""
        return replace(self, where=tuple(dict.fromkeys((*self.where, *conditions))))

    def without(self, condition: str) -> Choices:
        """Return the same without a filter."""
        return replace(self, where=tuple(each for each in self.where if each != condition))


def bucket(length: timedelta) -> str:
    """Return the length of a bucket for a range of this length."""
    return next((every for most, every in _BUCKETS if length <= most), "1mo")


def _is_distance(text: str) -> bool:
    try:
        query.distance(text)
    except ValueError:
        return False
    return True


def _floor(moment: datetime, every: str, zone: ZoneInfo) -> datetime:
    """Return the beginning of the bucket that a moment is in. Weeks and months begin with a day."""
    local = moment.astimezone(zone)
    if every[-1] not in "smh":
        return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(timezone.utc)
    seconds = int(every[:-1]) * {"s": 1, "m": 60, "h": 3_600}[every[-1]]
    passed = local.hour * 3_600 + local.minute * 60 + local.second
    begin = local - timedelta(seconds=passed % seconds, microseconds=local.microsecond)
    return begin.astimezone(timezone.utc)


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise QueryError(f"tz={name[:60]!r} is no time zone, such as Europe/Berlin") from None
    return name


def _zone_of_browser(cookies: Mapping[str, str]) -> str:
    try:
        return _checked_zone(cookies.get(_TZ_COOKIE, "") or "UTC")
    except QueryError:
        return "UTC"
