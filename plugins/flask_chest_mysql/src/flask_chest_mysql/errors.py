"""What the errors of MySQL and MariaDB mean for delivery, and their remedies."""

from __future__ import annotations

import re
import ssl
from typing import Final

from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    ExporterUnavailable,
    ended,
)

_SIGN_IN: Final = "Correct the user or the password, or ssl_mode where TLS is demanded"
_GRANT: Final = (
    "Grant this user what is missing: SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE VIEW and SHOW "
    "VIEW on the database. UPDATE is needed to skip records that are there already"
)
_READ_ONLY: Final = "The server is a read-only replica or set to read-only: name the primary"
_TLS: Final = "It offers no TLS: set it up there, or ask for less with ssl_mode=PREFERRED"

_REFUSED: Final = re.compile(r"^([A-Z, ]+) command denied to user .* for (table|column)")

# https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
# https://mariadb.com/kb/en/mariadb-error-code-reference/
_REMEDIES: Final = {
    1044: _GRANT,
    1045: _SIGN_IN,
    1049: "Create the database, or correct its name",
    1130: "Create this user for the host that it comes from, as in 'chest'@'%'",
    1142: _GRANT,
    1143: _GRANT,
    1227: _GRANT,
    1251: "Give the user another way of signing in, that PyMySQL supports",
    1290: _READ_ONLY,
    1370: _GRANT,
    1665: "Set binlog_format to ROW or MIXED there",
    1698: f"{_SIGN_IN}. One that signs in as the user of the operating system needs unix_socket",
    1792: _READ_ONLY,
    1820: "The password has expired: set a new one",
    1836: _READ_ONLY,
    1862: "The password has expired: set a new one",
    2026: _TLS,
    2061: "Set ssl_mode=VERIFY_IDENTITY, with ssl_ca where the authority is your own, or give the "
    "user another way of signing in",
    2059: "Give the user another way of signing in, that PyMySQL supports",
    3118: "The account is locked: unlock it with ALTER USER",
    3159: "It lets nobody in without TLS: set ssl_mode=REQUIRED, or VERIFY_IDENTITY with ssl_ca",
    4151: "The account is locked: unlock it with ALTER USER",
}

TRUNCATIONS: Final = frozenset({1264, 1265, 1292, 1366, 1406})
"""Also the warnings that a value was changed to fit."""

PACKET_TOO_LARGE: Final = 1153
PACKET_HINT: Final = "Raise max_allowed_packet in the configuration of the server"
DEADLOCKS: Final = frozenset({1213, 3101})

TIMEOUTS: Final = frozenset({1317, 1969, 3024})
"""A query was cancelled: by somebody, by MariaDB's limit, by MySQL's."""

_CACHE_HINT: Final = "Raise max_binlog_cache_size in the configuration of the server"
_HINTS: Final = {PACKET_TOO_LARGE: PACKET_HINT, 1197: _CACHE_HINT, 1705: _CACHE_HINT}

# Only faults of a record reject it. Codes of a table that was changed, such as 1054 (no such
# column), 1146 (no such table) and 1364 (a column without a default), are no such faults: `open`
# creates what is missing, or says what to do. Neither are 1030 (storage engine), 1205 and 1213
# (locks), 1526 (no partition), 1644 (a trigger), 3100 (a group's hook) and 4031 (idle for long).
_REJECTED: Final = TRUNCATIONS | {
    1048,  # null in a column that has none
    1118,  # the row is too large
    PACKET_TOO_LARGE,
    1197,  # more than the binary log takes in one transaction: half of the batch may fit
    1300,  # no UTF-8
    1367,  # a number beyond all bounds
    1690,  # the same, in an expression
    1705,  # more than the binary log takes in one statement
}
"""Codes that MySQL and MariaDB share."""

_REJECTED_BY_MYSQL: Final = frozenset(
    {
        3140,  # no JSON
        3141,  # no JSON, in the argument of a function
        3150,  # the JSON is too big
        3151,  # a key of the JSON is longer than 64 KiB
        3156,  # JSON that is not what it is cast to
        3157,  # JSON that is nested too deep
        3158,  # a key of the JSON is null
        3819,  # a constraint
    }
)
_REJECTED_BY_MARIADB: Final = frozenset(
    {
        4025,  # a constraint; also that JSON must be JSON
        4035,  # broken JSON
        4036,  # a character that JSON does not allow
        4037,  # the JSON ends too early
        4038,  # the syntax of JSON
        4039,  # an escape that JSON does not have
        4040,  # JSON that is nested too deep
    }
)


def explain(location: str, error: BaseException, *, is_mariadb: bool = False) -> ChestError:
    """Return what an error means: unavailable, rejected or misconfigured.

    Args:
        location: Where the database is, for the message.
        error: What PyMySQL raised.
        is_mariadb: Whether the server is MariaDB. From 3000 on, the codes of the two differ.
    """
    code = code_of(error)
    text = error.args[1] if code and len(error.args) > 1 else error
    message = f"{location}: {' '.join(str(text).split())}" + (f" ({code})" if code else "")
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ConfigurationError(
            f"{ended(message)} Its certificate is not trusted: ssl_ca names the authority, host "
            "the server as the certificate has it"
        )
    if code in _REJECTED | (_REJECTED_BY_MARIADB if is_mariadb else _REJECTED_BY_MYSQL):
        return BatchRejected(f"{message}. {_HINTS[code]}" if code in _HINTS else message)
    refused = _REFUSED.search(str(text))
    if refused and "CREATE" not in refused[1]:
        return ConfigurationError(f"{message}. {_grant(*refused.groups())}")
    if code in _REMEDIES:
        return ConfigurationError(f"{message}. {_REMEDIES[code]}")
    return ExporterUnavailable(message)


def code_of(error: BaseException | None) -> int:
    """Return the number that the server or the driver gave an error; 0 when it has none."""
    code = error.args[0] if error is not None and error.args else 0
    return code if isinstance(code, int) else 0


def _grant(privileges: str, kind: str) -> str:
    """Return the remedy for missing privileges that the server names."""
    why = "; it is needed to skip records that are there already" if "UPDATE" in privileges else ""
    return f"Grant this user {privileges} on this {kind}{why}"
