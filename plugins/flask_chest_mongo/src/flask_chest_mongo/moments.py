"""Times of records as conditions. A date has milliseconds, and `started_at_us` the rest."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bson import DatetimeMS

if TYPE_CHECKING:
    from flask_chest.query.nodes import Operator

Filter: TypeAlias = dict[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND: Final = timedelta(microseconds=1)

FIRST: Final = DatetimeMS(-62_135_596_800_000)
LAST: Final = DatetimeMS(253_402_300_799_999)
"""Python lacks the years beyond these two."""


def microseconds(moment: datetime) -> int:
    """Return the Unix time of an aware datetime in microseconds."""
    return (moment - _EPOCH) // _MICROSECOND


def compared(operator: Operator, moment: datetime) -> Filter:
    """Return the filter for records whose `started_at` is such that it holds."""
    unix_us = microseconds(moment)
    if operator == "<":
        return _before(unix_us)
    if operator == "<=":
        return _before(unix_us + 1)
    if operator == ">=":
        return _not_before(unix_us)
    if operator == ">":
        return _not_before(unix_us + 1)
    at = exactly(moment)
    return at if operator == "==" else {"$nor": [at]}


def exactly(moment: datetime) -> Filter:
    """Return the filter for records that started at a moment."""
    date, rest = parts(microseconds(moment))
    return {"started_at": {"$eq": date}, "started_at_us": {"$eq": rest}}


def _before(unix_us: int) -> Filter:
    date, rest = parts(unix_us)
    if not rest:
        return {"started_at": {"$lt": date}}
    return {"started_at": {"$lte": date}, "$nor": [_within(date, "$gte", rest)]}


def _not_before(unix_us: int) -> Filter:
    date, rest = parts(unix_us)
    if not rest:
        return {"started_at": {"$gte": date}}
    return {"started_at": {"$gte": date}, "$nor": [_within(date, "$lt", rest)]}


def _within(date: DatetimeMS, operator: str, rest: int) -> Filter:
    return {"started_at": {"$eq": date}, "started_at_us": {operator: rest}}


def parts(unix_us: int) -> tuple[DatetimeMS, int]:
    """Return the values of `started_at` and `started_at_us`."""
    milliseconds, rest = divmod(unix_us, 1000)
    return DatetimeMS(milliseconds), rest
