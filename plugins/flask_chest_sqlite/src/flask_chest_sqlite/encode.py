"""Records as rows of SQLite, and the types of their values."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator

from flask_chest.schema import FIELDS, PREFIX

if TYPE_CHECKING:
    from sqlalchemy import Dialect

INSERTION: Final = (
    f"INSERT INTO {PREFIX}records ({', '.join(FIELDS)})"
    f" VALUES ({', '.join('?' for _ in FIELDS)}) ON CONFLICT (id) DO NOTHING"
)
"""Inserts a row, unless its ID is there already."""

STARTED_AT: Final = FIELDS.index("started_at")
"""Its place in a row."""


class Timestamp(TypeDecorator[datetime]):
    """RFC 3339 text in UTC of a fixed width, which sorts by time; SQLite's functions read it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write an aware datetime."""
        del dialect
        if value is None:
            return None
        # Not `strftime`, which writes the year 999 with three digits.
        naive = value.astimezone(timezone.utc).replace(tzinfo=None)
        return f"{naive.isoformat(timespec='microseconds')}Z"

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read an aware datetime in UTC."""
        del dialect
        return None if value is None else moment(value)


_is_moment = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
).fullmatch


def moment(value: object) -> datetime:
    """Return a `started_at` as an aware datetime in UTC.

    Raises:
        TypeError: It is no text.
        ValueError: It is another text than this store writes.
    """
    if not isinstance(value, str):
        raise TypeError(f"a time is a {type(value).__name__}")
    if not _is_moment(value):
        raise ValueError("a time has another form")
    return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=timezone.utc)
