"""Dates and times as ISO 8601 texts.

A subclass is read as the plain date or time that it is. Of time zones, only those of well-known
libraries are asked for their offset: `utcoffset` of any other is code of the application.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from flask_chest.encode.storage import module_of

_ZONES: Final = frozenset(
    {"datetime", "zoneinfo", "dateutil", "pytz", "pendulum", "tzlocal", "pydantic_core", "psycopg2"}
    | {"bson", "pandas"}
)
"""Packages whose time zones are asked."""

# Methods of the built-in classes, taken when this is imported: freezegun replaces the classes.
_combine: Final = datetime.combine
_date_of: Final = datetime.date
_time_of: Final = datetime.time
_time_and_zone_of: Final = datetime.timetz
_zone_of: Final = datetime.__dict__["tzinfo"].__get__
_zone_of_time: Final = time.__dict__["tzinfo"].__get__
_datetime_text: Final = datetime.isoformat
_time_text: Final = time.isoformat
_first_day: Final = date.min
_name_of: Final = type.__dict__["__name__"].__get__

date_text: Final[Callable[[Any], str]] = date.isoformat
seconds: Final[Callable[[Any], float]] = timedelta.total_seconds


def datetime_text(value: datetime) -> str:
    """Return a datetime in ISO 8601.

    When its zone is of the application's own, the name of the zone's class is there instead of the
    offset: `2024-05-01T12:30:00[ShopTime]`.
    """
    zone = _zone_of(value)
    if zone is None or is_known_zone(zone):
        if type(value) is datetime:
            return _datetime_text(value)
        # The zone is handed a plain datetime, and not the instance of a subclass.
        return _datetime_text(_combine(_date_of(value), _time_and_zone_of(value)))
    return f"{_datetime_text(_combine(_date_of(value), _time_of(value)))}[{_name_of(type(zone))}]"


def time_text(value: time) -> str:
    """Return a time in ISO 8601, with its zone as `datetime_text` has it."""
    zone = _zone_of_time(value)
    if zone is None or is_known_zone(zone):
        return _time_text(value)
    return f"{_time_text(_time_of(_combine(_first_day, value)))}[{_name_of(type(zone))}]"


def is_known_zone(zone: tzinfo) -> bool:
    """Return whether a time zone is one of Python's or of a well-known library."""
    return module_of(type(zone)).partition(".")[0] in _ZONES
