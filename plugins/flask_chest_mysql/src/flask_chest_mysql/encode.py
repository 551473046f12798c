"""Records as rows of an INSERT statement, and the type of their times.

Texts and numbers in JSON are almost SQL. So a decoded record is encoded again, in the order of the
columns, and put into a statement as it is. That takes a third of the time that the driver takes to
bind the same values. A server could unpack the batch itself, with JSON_TABLE, but MariaDB needs
twice as long for that as for this statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json, to_json
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator

from flask_chest.errors import BatchRejected
from flask_chest.schema import FIELDS

if TYPE_CHECKING:
    from sqlalchemy import Dialect

    from flask_chest.exporter import Batch

_TEXT: Final = (str,)
_OPTIONAL_TEXT: Final = (str, type(None))
_NUMBER: Final = (float, int)
_OTHER_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "trace_id": _OPTIONAL_TEXT,
    "endpoint": _OPTIONAL_TEXT,
    "route": _OPTIONAL_TEXT,
    "status_code": (int, type(None)),
    "error": _OPTIONAL_TEXT,
    "duration_ms": _NUMBER,
    "weight": _NUMBER,
}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    name: _OTHER_TYPES.get(name, _TEXT)
    for name in FIELDS
    if name not in ("started_at", "variables")
}
"""The fields that are texts and numbers both in the record and in the row."""

COLUMNS: Final = (*_TYPES, "started_at", "variables")
"""Names of the columns in the order of the values."""

_scalars = itemgetter(*_TYPES)
_is_moment = re.compile(
    r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
).fullmatch

_known: set[tuple[type, ...]] = set()
"""Combinations of types that were checked already. There are few."""

_ID_LENGTH: Final = 36
_STATEMENT_BYTES: Final = 1024 * 1024
"""Larger statements are not faster, and cost the server memory."""

_ESCAPE: Final = re.compile(rb"\\(u00..|.)")


class Timestamp(TypeDecorator[datetime]):
    """A `datetime(6)` in UTC. The type has no zone, so it is the same in every session."""

    impl = mysql.DATETIME
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(fsp=6)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write an aware datetime."""
        del dialect
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read an aware datetime in UTC."""
        del dialect
        return None if value is None else value.replace(tzinfo=timezone.utc)


def rows(batch: Batch, minutes: set[str] | None = None) -> list[bytes]:
    """Return the values of each record as SQL, separated by commas.

    Args:
        batch: The records.
        minutes: Gets the first 16 characters of each `started_at`.

    The sql_mode of the session must have neither NO_BACKSLASH_ESCAPES nor ANSI_QUOTES.

    Raises:
        ValueError: A line is no record, or a value has another type than its field.
    """
    made = []
    for line in batch.lines.split(b"\n")[:-1]:
        record = from_json(line, allow_inf_nan=False, cache_strings="keys")
        try:
            values, moment, variables = _scalars(record), record["started_at"], record["variables"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        types = tuple(map(type, values))
        if types not in _known:
            _check(types)
        if len(values[0]) != _ID_LENGTH:
            raise ValueError(f"id is {values[0]!r}")
        # The server would round more digits, and reads other forms in its own way.
        if type(moment) is not str or not _is_moment(moment):
            raise ValueError(f"started_at is {moment!r}")
        if minutes is not None:
            minutes.add(moment[:16])
        if type(variables) is not dict:
            raise ValueError(f"variables is a {type(variables).__name__}")
        # An infinite number, such as 1e999, becomes null, which the columns refuse.
        scalars = to_json((*values, moment[:-1]), inf_nan_mode="null")[1:-1]
        if b"\\" in scalars:
            scalars = _ESCAPE.sub(_as_sql, scalars)
        document = to_json(variables).replace(b"\\", b"\\\\").replace(b"'", b"\\'")
        made.append(scalars + b",'" + document + b"'")
    if len(made) != len(batch):
        raise ValueError(f"{len(made)} records in {len(batch)} lines")
    return made


def _check(types: tuple[type, ...]) -> None:
    for found, (name, allowed) in zip(types, _TYPES.items(), strict=True):
        if found not in allowed:
            raise ValueError(f"{name} is a {found.__name__}")
    _known.add(types)


def _as_sql(escape: re.Match[bytes]) -> bytes:
    """Return an escape of JSON as SQL writes it, or the character itself when SQL has none."""
    what = escape[1]
    if what == b"u0000":
        return b"\\0"
    if what == b"f":
        return b"\x0c"
    return bytes.fromhex(what[3:].decode()) if what.startswith(b"u") else escape[0]


def statements(
    head: bytes, made: Sequence[bytes], tail: bytes, *, max_bytes: int, hint: str
) -> Iterator[bytes]:
    """Yield as many statements as all rows need.

    Args:
        head: What stands before the rows.
        made: Rows, from `rows`.
        tail: What stands after them.
        max_bytes: Longest statement that the server accepts.
        hint: Remedy for a row that does not fit.

    Raises:
        BatchRejected: A single row does not fit into a statement.
    """
    most = max_bytes - len(head) - len(tail) - 2
    room = min(most, _STATEMENT_BYTES)
    if sum(map(len, made)) + 3 * len(made) <= room:
        if made:
            yield _statement(head, made, tail)
        return
    waiting: list[bytes] = []
    size = 0
    for row in made:
        if len(row) > most:
            raise BatchRejected(f"a record takes {len(row)} bytes as SQL. {hint}")
        if waiting and size + len(row) > room:
            yield _statement(head, waiting, tail)
            waiting, size = [], 0
        waiting.append(row)
        size += len(row) + 3
    yield _statement(head, waiting, tail)


def _statement(head: bytes, made: Sequence[bytes], tail: bytes) -> bytes:
    return b"%b(%b)%b" % (head, b"),(".join(made), tail)
