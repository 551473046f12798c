"""Moments and distances in time, as people write them: ``2026-01-31``, ``24h``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_HOUR: Final = timedelta(hours=1)

_DISTANCE: Final = re.compile(r"-?([0-9]{1,12}(?:\.[0-9]{1,6})?)([smhdw])")

# The same in every version of Python: `datetime.fromisoformat` reads more from 3.11 on.
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.,]([0-9]{1,9}))? ?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def distance(text: str) -> timedelta:
    """Return a distance in time, such as ``90s``, ``15m``, ``24h``, ``7d`` or ``2w``.

    A minus sign in front changes nothing.

    Raises:
        ValueError: It is no distance.
    """
    found = _DISTANCE.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is no distance in time. Write a number and a unit: 90s, 15m, 24h, 7d, 2w"
        )
    number, unit = found.groups()
    try:
        return timedelta(**{_UNITS[unit]: float(number)})
    except OverflowError:
        raise ValueError(f"{text!r} is longer than time has been") from None


def spoken(length: timedelta) -> str:
    """Return a distance in time as a person says it, such as ``30 days`` or ``36 hours``."""
    for unit, name in ((timedelta(days=1), "day"), (_HOUR, "hour"), (_HOUR / 60, "minute")):
        number, rest = divmod(length, unit)
        if number and not rest:
            return f"{number} {name}{'' if number == 1 else 's'}"
    seconds = length.total_seconds()
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def moment(text: str, now: datetime | None = None) -> datetime:
    """Return an aware datetime in UTC.

    Args:
        text: ISO 8601, such as ``2026-01-31`` or ``2026-01-31T12:00:00+01:00``, in UTC unless it
            says otherwise; or a distance back from now, such as ``24h`` or ``-24h``.
        now: From where a distance is measured, an aware datetime; None for the present.

    Raises:
        ValueError: It is neither, or before the year 1.
    """
    text = text.strip()
    if _DISTANCE.fullmatch(text):
        back = distance(text)
        try:
            return (now or datetime.now(timezone.utc)).astimezone(timezone.utc) - back
        except OverflowError:
            raise ValueError(f"{text!r} is longer than time has been") from None
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no time. Write ISO 8601, such as 2026-01-31 or 2026-01-31T12:00:00Z, or "
            "a distance back, such as 24h"
        )
    day, minute, second, fraction, zone = found.groups()
    if fraction and not second:
        raise ValueError(f"{text!r} is no time: a fraction follows the seconds")
    zone = {"Z": "+00:00", "z": "+00:00", None: "+00:00"}.get(zone, zone)
    if len(zone) < 6:
        zone = f"{zone[:3]}:{zone[-2:] if len(zone) == 5 else '00'}"
    if int(zone[1:3]) > 23:
        raise ValueError(f"{text!r} is no time: an offset is less than 24 hours")
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        found_at = datetime.fromisoformat(
            f"{day}T{minute or '00:00'}{second or ':00'}.{micros}{zone}"
        )
        return found_at.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time: {error}") from None


def utc(moment: datetime) -> datetime:
    """Return an aware datetime in UTC, or the first or last that there is."""
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        return moment.replace(tzinfo=timezone.utc)
