"""What PostgreSQL's errors mean for delivery, and what a person has to do about them."""

from __future__ import annotations

import re
from typing import Final

import psycopg

from flask_chest.errors import BatchRejected, ChestError, ConfigurationError, ExporterUnavailable

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_REMEDIES: Final = {
    "28P01": "Correct the user or the password",
    "28000": "Correct the user, or let the server's pg_hba.conf admit this one from this host, "
    "with or without TLS as `sslmode` asks",
    "3D000": "Create the database, or correct its name",
    "42501": "Grant this user what is missing: CREATE on the schema, where it makes its tables "
    "itself; INSERT, SELECT and DELETE on tables that are there",
    "25006": "The server is a read-only replica or set to read-only: name the primary, or several "
    "hosts with target_session_attrs=read-write",
}
_REJECTED: Final = ("22", "23", "54")
"""Classes: the data is wrong, violates a constraint, or exceeds a limit."""

# Errors of a connection that was not made have no code: libpq has their text alone.
_TEXTS: Final = (
    (r"password authentication failed|no password supplied", _REMEDIES["28P01"]),
    (
        r"no pg_hba\.conf entry|role .* does not exist|is not permitted to log in",
        _REMEDIES["28000"],
    ),
    (r"database .* does not exist|no such database", _REMEDIES["3D000"]),
    (
        r"server does not support SSL",
        "It offers no TLS: turn `ssl` on there, or ask for less with sslmode=prefer",
    ),
    (
        r"certificate verify failed|root certificate file|does not match host name|certificate",
        "Its certificate is not trusted: `sslrootcert` names the authority, `host` the server",
    ),
    (r"definition of service .* not found|service file", "Correct the name of the service"),
)


def explain(location: str, error: Exception) -> ChestError:
    """Return what an error means: unavailable, rejected, or to be put right by a person.

    Args:
        location: Where the database is, for the message.
        error: What psycopg raised.
    """
    code = getattr(error, "sqlstate", None) or ""
    # The primary message alone: the detail shows the whole row.
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    message = f"{location}: {' '.join((primary or str(error)).split())}"
    if code in _REMEDIES:
        return ConfigurationError(f"{message}. {_REMEDIES[code]}")
    if code.startswith(_REJECTED):
        return BatchRejected(message)
    if not code and isinstance(error, psycopg.OperationalError):
        for pattern, remedy in _TEXTS:
            if re.search(pattern, message):
                return ConfigurationError(f"{message}. {remedy}")
    if isinstance(error, psycopg.DataError):  # before it reached the server
        return BatchRejected(message)
    return ExporterUnavailable(message)
