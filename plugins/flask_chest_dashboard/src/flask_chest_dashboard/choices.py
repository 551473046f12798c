"""What the viewer has chosen, as the URL has it: the time range, the filters, the time zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flask_chest import query
from flask_chest.errors import QueryError
from flask_chest_dashboard.filtering import Wrong, as_one, readable
from flask_chest_dashboard.window import Window, bucket

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

__all__ = ["DEFAULT_SINCE", "RANGES", "SUGGESTIONS", "Choices", "Window", "bucket"]

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

SUGGESTIONS: Final = (
    "status_code >= 500",
    "duration_ms > 500",
    "error is not None",
    "method == 'POST'",
    "route == '/'",
    "startswith(path, '/')",
    "service == ''",
    "instance == ''",
    "endpoint == ''",
    "request_id == ''",
    "trace_id == ''",
    "exists(user_id)",
)
"""Filters to begin with."""

_TZ_COOKIE: Final = "chest_tz"
"""Set by the script to the time zone of the browser."""

_LONGEST: Final = timedelta(days=36_600)

_SHARED_SECONDS: Final = 2.0
"""Seconds to which the end of a range that ends now is rounded, so that viewers share answers."""

_HAS_ZONE: Final = re.compile(r":\d\d.*([Zz]|[+-]\d\d(:?\d\d)?)$")


@dataclass(frozen=True)
class Choices:
    """What holds for all pages.

    Attributes:
        since: A distance back, such as ``24h``, or a time, such as ``2026-01-31T12:00``, which is
            local unless it names its zone.
        until: A time; empty for now.
        tz: Time zone in which times are read and shown.
        has_tz: Whether the URL names the time zone.
        browser_tz: Time zone of the browser; empty when it is not known.
        where: Filters, all of which hold.
        wrong: A filter that cannot be read, which is not in `where`.
        live: Whether the page refreshes itself.
    """

    since: str = DEFAULT_SINCE
    until: str = ""
    tz: str = "UTC"
    has_tz: bool = False
    browser_tz: str = ""
    where: tuple[str, ...] = ()
    wrong: Wrong | None = None
    live: bool = True

    @classmethod
    def read(cls, arguments: MultiDict[str, str], cookies: Mapping[str, str]) -> Choices:
        """Read the arguments of a URL.

        Raises:
            QueryError: One of them cannot be read. A filter that cannot is in `wrong`.
        """
        named = arguments.get("tz", "").strip()
        of_browser = _zone_of_browser(cookies)
        given = dict.fromkeys(text for each in arguments.getlist("where") if (text := each.strip()))
        where, wrong = readable(list(given))
        return cls(
            since=arguments.get("since", "").strip() or DEFAULT_SINCE,
            until=arguments.get("until", "").strip(),
            tz=_checked_zone(named) if named else of_browser or "UTC",
            has_tz=bool(named),
            browser_tz=of_browser,
            where=where,
            wrong=wrong,
            live=arguments.get("live", "").strip() != "off",
        )

    # -- Filters -------------------------------------------------------------------------------

    @property
    def filter(self) -> str | None:
        """All filters as one; None for all records.

        Raises:
            QueryError: One of them cannot be read, so that it is not clear which records are meant.
        """
        if self.wrong is not None:
            raise QueryError(self.wrong.message)
        return as_one(self.where)

    def also(self, *conditions: str) -> Choices:
        """Return the same with more filters."""
        return replace(self, where=tuple(dict.fromkeys((*self.where, *conditions))))

    def unfiltered(self) -> Choices:
        """Return the same without filters."""
        return replace(self, where=())

    def without(self, condition: str) -> Choices:
        """Return the same without a filter."""
        return replace(self, where=tuple(each for each in self.where if each != condition))

    # -- Time ----------------------------------------------------------------------------------

    @property
    def zone(self) -> tzinfo:
        """The time zone."""
        return _zone(self.tz)

    @property
    def is_relative(self) -> bool:
        """Whether the range ends now, and moves on."""
        return not self.until and _is_distance(self.since)

    @property
    def refreshes(self) -> bool:
        """Whether the page refreshes itself: what is over does not change."""
        return self.live and self.is_relative

    @property
    def range_text(self) -> str:
        """How long the range is, in words, for ranges that are offered; else empty."""
        return "" if self.until else RANGES.get(self.since, "")

    @property
    def length(self) -> timedelta:
        """How long the range is, without what is before it in its first bucket.

        Raises:
            QueryError: It cannot be read, or is empty.
        """
        return query.distance(self.since) if self.is_relative else self.window().length

    @property
    def fault(self) -> str | None:
        """What is wrong with the time range; None when it can be read."""
        try:
            self.window()
        except QueryError as error:
            return str(error)
        return None

    def window(self, now: datetime | None = None, *, every: str = "") -> Window:
        """Return the time range. Its beginning is that of a bucket, if it is a distance back.

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
        if until - since > _LONGEST:
            raise QueryError("the time range is longer than 100 years: choose a later beginning")
        every = every or bucket(until - since)
        if _is_distance(self.since):
            since = query.bucket_begin(since, every, self.tz)
        return Window(since, until, every, self.zone)

    def local(self, end: str) -> str:
        """Return `since` or `until` as the clocks of the time zone show it, to the minute.

        Args:
            end: ``since`` or ``until``.

        Returns:
            A text such as ``2026-01-31T12:00``; empty when the range cannot be read.
        """
        try:
            window = self.window()
            moment: datetime = window.since if end == "since" else window.until
            return moment.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M")
        except (QueryError, OverflowError):
            return ""

    def over(self, distance: str) -> Choices:
        """Return the same for a range that ends now."""
        return replace(self, since=distance, until="")

    def longer(self) -> list[str]:
        """Return the ranges that are offered and longer than this one; at most three."""
        length = self.window().length
        return [each for each in RANGES if query.distance(each) > length][:3]

    def toggled(self) -> Choices:
        """Return the same, paused if it is live, else live."""
        return replace(self, live=not self.live)

    @property
    def zones(self) -> list[str]:
        """The time zones that are offered: that of the browser, UTC, and the one that is shown."""
        return list(dict.fromkeys(filter(None, (self.browser_tz, "UTC", self.tz))))

    def in_zone(self, tz: str) -> Choices:
        """Return the same moments in a time zone."""
        return replace(
            self,
            since=self._fixed(self.since),
            until=self._fixed(self.until),
            tz=tz,
            has_tz=tz != (self.browser_tz or "UTC"),
        )

    def _fixed(self, text: str) -> str:
        """Return a time as one that is the same in all time zones."""
        if not text or _is_distance(text):
            return text
        try:
            moment = self._moment(text, datetime.now(timezone.utc))
        except QueryError:
            return text  # the page says so
        return moment.isoformat().replace("+00:00", "Z")

    def _moment(self, text: str, now: datetime) -> datetime:
        """Read a time; one that names no zone is in that of the viewer."""
        try:
            found = query.moment(text, now)
            if not _is_distance(text) and not _HAS_ZONE.search(text.strip()):
                found = found.replace(tzinfo=self.zone).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            raise QueryError(
                f"{text[:60]!r} is no time. Write 24h or 7d, or 2026-01-31T12:00"
            ) from None
        return found

    # -- The URL -------------------------------------------------------------------------------

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


def _is_distance(text: str) -> bool:
    try:
        query.distance(text)
    except ValueError:
        return False
    return True


def _zone(name: str) -> tzinfo:
    # UTC is there without a database of time zones, too.
    return timezone.utc if name == "UTC" else ZoneInfo(name)


def _checked_zone(name: str) -> str:
    try:
        _zone(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise QueryError(f"tz={name[:60]!r} is no time zone, such as Europe/Berlin") from None
    return name


def _zone_of_browser(cookies: Mapping[str, str]) -> str:
    name = unquote(cookies.get(_TZ_COOKIE, ""))  # the script writes Europe%2FBerlin
    try:
        return _checked_zone(name) if name else ""
    except QueryError:
        return ""
