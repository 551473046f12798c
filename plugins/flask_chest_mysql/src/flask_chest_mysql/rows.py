"""Records as rows of an INSERT statement.

JSON's texts and numbers are almost SQL's: so a decoded record is encoded anew, in the order of the
columns, and put into a statement as it is. That takes a third of the time that the driver takes to
bind the same values. A server could unpack the batch itself, with JSON_TABLE, but MariaDB needs
twice as long for that as for the statement made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json, to_json

from flask_chest.errors import BatchRejected

if TYPE_CHECKING:
    from flask_chest.exporter import Batch

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "id": (str,),
    "request_id": (str,),
    "trace_id": (str, type(None)),
    "service": (str,),
    "instance": (str,),
    "endpoint": (str, type(None)),
    "route": (str, type(None)),
    "method": (str,),
    "path": (str,),
    "status_code": (int, type(None)),
    "error": (str, type(None)),
    "duration_ms": (float, int),
    "weight": (float, int),
}
"""The fields that are texts and numbers in the record and in the row."""

COLUMNS: Final = (*_TYPES, "started_at", "variables")
"""Names of the columns in the order of the values."""

_scalars = itemgetter(*_TYPES)
_is_moment = re.compile(
    r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
).fullmatch

_known: set[tuple[type, ...]] = set()
"""Types of the values of a row that were found to be right. There are not many."""

_ID_LENGTH: Final = 36
_STATEMENT_BYTES: Final = 1024 * 1024
"""Larger ones are not faster, and cost the server memory."""

_ESCAPE: Final = re.compile(rb"\\(u00..|.)")


def rows(batch: Batch) -> list[bytes]:
    """Return, for each record, its values as SQL, with commas between.

    The session's sql_mode must have neither NO_BACKSLASH_ESCAPES nor ANSI_QUOTES.

    Raises:
        ValueError: A line is no record, or a value is not of its field's type.
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
        # The server would round what has more digits, and reads many other forms in its own way.
        if type(moment) is not str or not _is_moment(moment):
            raise ValueError(f"started_at is {moment!r}")
        if type(variables) is not dict:
            raise ValueError(f"variables is a {type(variables).__name__}")
        # What became infinite, such as 1e999, is null here, where the columns have none.
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
    """Return an escape of JSON as SQL has it, or the character itself where SQL has none."""
    what = escape[1]
    if what == b"u0000":
        return b"\\0"
    if what == b"f":
        return b"\x0c"
    return bytes.fromhex(what[3:].decode()) if what.startswith(b"u") else escape[0]


def statements(
    head: bytes, made: Sequence[bytes], tail: bytes, *, max_bytes: int, hint: str
) -> Iterator[bytes]:
    """Yield as many statements as are needed for all rows.

    Args:
        head: What stands before the rows.
        made: Rows, from `rows`.
        tail: What stands after them.
        max_bytes: Most bytes that the server takes in a statement.
        hint: What to do about a row that does not fit.

    Raises:
        BatchRejected: A row does not fit into a statement by itself.
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
