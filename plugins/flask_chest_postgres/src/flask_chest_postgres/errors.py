"""What PostgreSQL's errors mean for delivery, and their remedies."""

from __future__ import annotations

import re
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError

from flask_chest.errors import BatchRejected, ChestError, ConfigurationError, ExporterUnavailable
from flask_chest_postgres.codes import is_of_data

MIN_VERSION: Final = 12

CANCELLED: Final = "57014"
"""query_canceled: by a time-out, or by a person."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
PRIVILEGE: Final = "42501"
"""insufficient_privilege."""

_REMEDIES: Final = {
    "28P01": "Correct the user or the password",
    "28000": "Correct the user, or let the server's pg_hba.conf admit this one from this host, "
    "with or without TLS as `sslmode` asks. Behind a pooler, that is the pooler's host, and its "
    "`server_tls_sslmode`",
    "3D000": "Create the database, or correct its name",
    "25006": "The server is a read-only replica or set to read-only: name the primary, or several "
    "hosts with target_session_attrs=read-write",
}
"""By code: the remedy that a person has to apply."""

_SCHEMA: Final = "Run `flask chest schema repair`, or restore it"
_CONSTRAINT: Final = "Flask-Chest has no such constraint. Drop it, or the trigger that raises it"
_WAITING: Final = {
    "23001": _CONSTRAINT,
    "23503": _CONSTRAINT,
    "23505": _CONSTRAINT,
    "23P01": _CONSTRAINT,
    "23502": "Give that column a default, or let it take null",
    "42703": _SCHEMA,
    "42P01": _SCHEMA,
    "42P10": _SCHEMA,
    "53100": "Make room on the server's disk",
    "54000": "Vacuum the database that it names, or let the table be partitioned by day",
    "53300": "Let fewer connect, raise the limit, or put a pooler such as pgbouncer in between",
    "55P03": "Somebody holds a lock for long: pg_stat_activity shows who",
    CANCELLED: "Raise timeout_seconds, or see in pg_stat_activity who holds a lock for long",
}
"""By code: a hint for what may pass by itself."""

_CONNECT: Final = "Grant this user CONNECT on the database"
_PRIVILEGES: Final = (
    (
        r"permission denied for database",
        "Grant this user CREATE on the database, or let somebody who has it create the schema",
    ),
    (
        r"permission denied for schema",
        "Grant this user USAGE on the schema, and CREATE where it makes its tables itself",
    ),
    (r"permission denied for sequence", "Grant this user USAGE on the sequence"),
    (
        r"permission denied for (table|relation|view) \S*rollup",
        "Grant this user SELECT, INSERT, UPDATE and DELETE on it; SELECT alone to read",
    ),
    (
        r"permission denied for (table|relation) \S*records",
        "Grant this user SELECT and INSERT on it, and DELETE to purge and erase",
    ),
    (r"permission denied for (table|relation|view)", "Grant this user SELECT on it"),
    (r"must be (owner|member) of", "Use its owner, or a role that is a member of the owner"),
)
"""Texts of what the server refuses a user: it names the object, and not the privilege."""

_TEXT_ONLY: Final = ("", "08P01")
"""Failures to connect have no code; those of pgbouncer always have the second one."""

_CERTIFICATE: Final = "Correct `sslcert` and `sslkey`, the certificate that the server asks us for"
_TEXTS: Final = (
    (
        r"requested a cleartext password",
        (
            "It goes only through TLS that checks the server: set sslmode=verify-full and "
            "`sslrootcert`; or, where the network is trusted, require_auth=password"
        ),
    ),
    (
        r"password authentication failed|SASL authentication failed|no password supplied",
        _REMEDIES["28P01"],
    ),
    (r"valid client certificate|certificate authentication failed", _CERTIFICATE),
    (
        r"authentication failed|pg_hba\.conf|role .* does not exist|no such user|permitted to",
        _REMEDIES["28000"],
    ),
    (r"database .* does not exist|no such database", _REMEDIES["3D000"]),
    (r"permission denied for database", _CONNECT),
    (r"session is read-only|server is in hot standby mode", _REMEDIES["25006"]),
    (
        r"server does not support SSL",
        "It offers no TLS: turn `ssl` on there, or ask for less with sslmode=prefer",
    ),
    (r"private key|certificate present|(open|read) certificate file|tls\w* alert", _CERTIFICATE),
    (
        r"certificate",
        "Its certificate is not trusted: `sslrootcert` names the authority, `host` the server",
    ),
    (r"service file|definition of service", "Correct the name of the service, or its file"),
    (r"invalid \w+ value|may not be used with", "Correct this parameter of libpq"),
)
"""Texts of errors without a code: libpq 15 to 18, the server, and pgbouncer 1.18 to 1.24."""

_WAITING_TEXTS: Final = (
    (r"too many|remaining connection slots|no more connections allowed", _WAITING["53300"]),
)


class InsertionError(DBAPIError):
    """The server has not inserted a batch."""


def refuse_server(location: str, version: int, encoding: str | None) -> None:
    """Raise an error unless the server can store records.

    Args:
        location: Where the database is, for the message.
        version: Of the server, as libpq has it: 150004 is 15.4.
        encoding: Of the database; None when it is unknown.

    Raises:
        ConfigurationError: The server is too old, or the database cannot hold every text.
    """
    if version < MIN_VERSION * 10_000:
        # Before 10, the second number of three is part of the version.
        shown = (
            version // 10_000
            if version >= 100_000
            else f"{version // 10_000}.{version // 100 % 100}"
        )
        raise ConfigurationError(
            f"{location} is version {shown}. Flask-Chest needs PostgreSQL {MIN_VERSION} or newer"
        )
    if encoding not in (None, "UTF8"):
        raise ConfigurationError(
            f"{location} has the encoding {encoding}, which cannot hold every text. Name a "
            "database that was created with ENCODING 'UTF8'"
        )


def explain(location: str, error: Exception, *, is_insertion: bool = False) -> ChestError:
    """Return what an error means: unavailable, rejected or misconfigured.

    Args:
        location: Where the database is, for the message.
        error: What psycopg raised.
        is_insertion: Whether it was raised by the insertion of a batch. Nothing else can reject
            records: not a query, and not the creation of a partition.
    """
    code = getattr(error, "sqlstate", None) or ""
    # Only the primary message: the detail shows the whole row.
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    message = f"{location}: {_sentences(primary or str(error))}"
    known = _grant(message) if code == PRIVILEGE else _REMEDIES.get(code)
    if known is not None:
        return ConfigurationError(f"{message}. {known}")
    if is_insertion and isinstance(error, psycopg.Error) and is_of_data(code, error.diag):
        return BatchRejected(message)
    if code in _TEXT_ONLY and isinstance(error, psycopg.OperationalError):
        for pattern, remedy in _WAITING_TEXTS:
            if re.search(pattern, message):
                return ExporterUnavailable(f"{message}. {remedy}")
        for pattern, remedy in _TEXTS:
            if re.search(pattern, message):
                return ConfigurationError(f"{message}. {remedy}")
    if is_insertion and not code and isinstance(error, psycopg.DataError):  # by psycopg itself
        return BatchRejected(message)
    return ExporterUnavailable(f"{message}. {_WAITING[code]}" if code in _WAITING else message)


def _sentences(text: str) -> str:
    """Return a text of libpq in one line: each of its lines is a sentence."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    ended = [
        line if line.endswith((".", "?", "!", ":", ",")) else f"{line}." for line in lines if line
    ]
    return " ".join(ended).removesuffix(".")


def _grant(message: str) -> str:
    """Return the remedy for a missing privilege, as far as the server's message says which."""
    for pattern, remedy in _PRIVILEGES:
        if re.search(pattern, message):
            return remedy
    return "Grant this user what is missing, or use one that may do it"
