"""What the errors of MySQL and MariaDB mean for delivery, and their remedies."""

from __future__ import annotations

import ssl
from typing import Final

from flask_chest.errors import BatchRejected, ChestError, ConfigurationError, ExporterUnavailable

_SIGN_IN: Final = "Correct the user or the password, or ssl_mode where TLS is demanded"
_GRANT: Final = (
    "Grant this user what is missing: SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE VIEW and SHOW "
    "VIEW on the database. UPDATE is needed to skip records that are there already"
)
_READ_ONLY: Final = "The server is a read-only replica or set to read-only: name the primary"
_TLS: Final = "It offers no TLS: set it up there, or ask for less with ssl_mode=PREFERRED"

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

_REJECTED: Final = TRUNCATIONS | {
    1048,  # null in a column that has none
    1118,  # the row is too large
    1197,  # more than the binary log takes in one transaction: half of the batch may fit
    1300,  # no UTF-8
    1367,  # a number beyond all bounds
    1690,
    3140,  # no JSON
    3141,
    3150,
    3156,
    3157,  # JSON that is nested too deep
    3158,
    3819,  # a constraint; in MariaDB also that JSON must be JSON
    4025,
    PACKET_TOO_LARGE,
}


def explain(location: str, error: BaseException) -> ChestError:
    """Return what an error means: unavailable, rejected or misconfigured.

    Args:
        location: Where the database is, for the message.
        error: What PyMySQL raised.
    """
    code = code_of(error)
    text = error.args[1] if code and len(error.args) > 1 else error
    message = f"{location}: {' '.join(str(text).split())}" + (f" ({code})" if code else "")
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ConfigurationError(
            f"{message}. Its certificate is not trusted: ssl_ca names the authority, host the "
            "server as the certificate has it"
        )
    if code == PACKET_TOO_LARGE:
        return BatchRejected(f"{message}. {PACKET_HINT}")
    if code in _REJECTED:
        return BatchRejected(message)
    if code in _REMEDIES:
        return ConfigurationError(f"{message}. {_REMEDIES[code]}")
    return ExporterUnavailable(message)


def code_of(error: BaseException | None) -> int:
    """Return the number that the server or the driver gave an error; 0 when it has none."""
    code = error.args[0] if error is not None and error.args else 0
    return code if isinstance(code, int) else 0
