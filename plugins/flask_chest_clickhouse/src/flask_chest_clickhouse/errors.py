"""What ClickHouse's answers mean for delivery, and their remedies."""

from __future__ import annotations

import re
from typing import Final

import urllib3.exceptions as http

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
    QueryTimeout,
    ended,
)

MIN_VERSION: Final = 24

ACCESS_DENIED: Final = 497

_MAX_LENGTH: Final = 300

_GRANT: Final = (
    "Grant this user what is missing: SELECT and INSERT on the tables; ALTER DELETE for deletions; "
    "CREATE TABLE, CREATE VIEW and ALTER TABLE where it makes its tables itself; DROP VIEW for the "
    "repair of a view"
)
_SIGN_IN: Final = "Correct the user or the password"
_SCHEMA: Final = "Run `flask chest schema repair`, or restore it"
_READ_ONLY: Final = "Name a user, or a server, that may write"

# https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
_REMEDIES: Final = {
    81: "Create the database, or correct its name",
    115: "Correct `settings`: this server has no such setting",
    164: _READ_ONLY,
    192: _SIGN_IN,
    193: _SIGN_IN,
    194: _SIGN_IN,
    392: "The server's settings forbid this statement for the user. Name another",
    452: "The server's settings forbid this setting for the user. Correct `settings`, or name "
    "another user",
    ACCESS_DENIED: _GRANT,
    516: _SIGN_IN,
    701: "Correct `cluster`: the server has no cluster of this name",
    170: "Correct `cluster`: the server has no cluster of this name",
}
"""By code: the remedy that a person has to apply."""

_WAITING: Final = {
    16: _SCHEMA,
    47: _SCHEMA,
    60: _SCHEMA,
    202: "It answers too many at once: raise `max_concurrent_queries`, or let fewer ask",
    241: "It has too little memory for this: raise its limit, or make `max_batch_records` smaller",
    242: "A replica without its Keeper takes no records: system.replicas shows why",
    243: "Make room on the server's disk",
    252: "Merges do not keep up: let batches be larger (`min_batch_records`, `max_wait_seconds`), "
    "or see in system.merges what holds them up",
    285: "Too few replicas are up for `insert_quorum`",
    286: "Too few replicas have confirmed the batch (`insert_quorum`)",
    319: "It is not known whether the batch was stored. It is sent again, with the same token",
    469: "Flask-Chest has no such constraint. Drop it",
    999: "The servers of ClickHouse Keeper cannot be reached from there",
}
"""By code: a hint for what may pass by itself."""

OF_DATA: Final = frozenset({
    6,  # CANNOT_PARSE_TEXT
    25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
    26,  # CANNOT_PARSE_QUOTED_STRING
    27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    33,  # CANNOT_READ_ALL_DATA
    38,  # CANNOT_PARSE_DATE
    41,  # CANNOT_PARSE_DATETIME
    53,  # TYPE_MISMATCH
    69,  # ARGUMENT_OUT_OF_BOUND
    72,  # CANNOT_PARSE_NUMBER
    117,  # INCORRECT_DATA
    321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    376,  # CANNOT_PARSE_UUID
    407,  # DECIMAL_OVERFLOW
    467,  # CANNOT_PARSE_BOOL
})  # fmt: skip
"""Codes that an insertion has for records at fault."""

VIOLATED_CONSTRAINT: Final = 469

_TIMEOUTS: Final = (159, 160, 394)
"""TIMEOUT_EXCEEDED, TOO_SLOW, QUERY_WAS_CANCELLED."""


class ServerError(Exception):
    """The server has answered with an exception.

    Attributes:
        code: Of ClickHouse; 0 when something else has answered.
        text: As the server wrote it. It may repeat values of records.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.text = text

    @property
    def name(self) -> str:
        """Name of the code, such as ``UNKNOWN_TABLE``."""
        found = re.findall(r"\(([A-Z][A-Z0-9_]+)\)", self.text)
        return found[-1] if found else f"code {self.code}"


def explain(location: str, error: ServerError) -> ChestError:
    """Return what an exception of the server means: unavailable, too slow or misconfigured."""
    message = f"{location}: {brief(error.text)}"
    if not error.code:
        return _of_another(location, error.text)
    if error.code in _REMEDIES:
        return ConfigurationError(f"{ended(message)} {_REMEDIES[error.code]}")
    if error.code in _TIMEOUTS:
        return QueryTimeout(
            f"{location}: a query took longer than `query_timeout_seconds`, and was cancelled"
        )
    hint = _WAITING.get(error.code)
    return ExporterUnavailable(f"{ended(message)} {hint}" if hint else message)


def explain_insertion(location: str, error: ServerError, constraint_prefix: str) -> ChestError:
    """Return what the exception of an insertion means. The message repeats no value.

    Args:
        location: Where the database is, for the message.
        error: What the server has answered.
        constraint_prefix: What the names of our constraints begin with.
    """
    ours = re.search(f"Constraint `({re.escape(constraint_prefix)}\\w+)`", error.text)
    if error.code == VIOLATED_CONSTRAINT and ours:
        return BatchRejected(f"{location}: a record is malformed: not {ours[1]}")
    if error.code in OF_DATA:
        found = re.search(r"reading the value of key (\w+)", error.text)
        field = f" in {found[1]}" if found else ""
        return BatchRejected(f"{location}: a record is malformed: {error.name}{field}")
    if error.code in _TIMEOUTS:
        return ExporterUnavailable(f"{location}: the batch was not stored in time: {error.name}")
    return explain(location, error)


def brief(text: str) -> str:
    """Return the message of an exception, in one line, without data and without the version."""
    text = re.sub(r"^(Code: \d+\. DB::Exception: )+", "", text)
    text = re.split(r" before: |[.:] Column values|: While executing|: While processing", text)[0]
    text = re.sub(r" ?\(version [^)]*\)", "", text)
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"


def _of_another(location: str, text: str) -> ChestError:
    if "9000" in text or "clickhouse-client" in text:
        return ConfigurationError(
            f"{location}: this is the port of ClickHouse's native protocol. Name that of its HTTP "
            "interface, 8123 or 8443"
        )
    return ExporterUnavailable(f"{location} does not answer as ClickHouse does: {brief(text)}")


def explain_http(location: str, error: http.HTTPError) -> ChestError:
    """Return what a failure to talk to the server means."""
    text = brief(str(error.args[-1] if error.args else error))
    if isinstance(error, http.MaxRetryError) and isinstance(error.reason, http.HTTPError):
        return explain_http(location, error.reason)
    if isinstance(error, http.SSLError):
        if "certificate" in text.lower():
            return ConfigurationError(
                f"{location}: {ended(text)} `tls_ca_file` names the authority that signed its "
                "certificate, `host` the name in it"
            )
        return ConfigurationError(
            f"{location}: {ended(text)} It may offer no TLS: correct `secure`"
        )
    if isinstance(error, (http.NewConnectionError, http.ConnectTimeoutError)):
        return ExporterUnavailable(f"{location} cannot be reached: {_reason(text)}")
    if isinstance(error, http.TimeoutError):
        return ExporterUnavailable(f"{location}: no answer within `timeout_seconds`")
    return ExporterUnavailable(f"{location}: the connection was lost: {_reason(text)}")


def _reason(text: str) -> str:
    """Return a message of urllib3 without the object that it begins with."""
    return re.sub(r"^<?\w*(Connection|Pool)[^>]*>?:? ", "", text)


def too_old(location: str, version: str) -> ConfigurationError:
    """Return the error for a server that is too old."""
    return ConfigurationError(
        f"{location} is version {version}. Flask-Chest needs ClickHouse {MIN_VERSION} or newer"
    )
