"""How PyMySQL connects, and what a session is set to."""

from __future__ import annotations

import math
import ssl
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from flask_chest_mysql.config import MysqlConfig

_SQL_MODE: Final = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)
"""Nothing is cut, rounded or replaced to fit. Whatever the server's own mode is, ours has neither
NO_BACKSLASH_ESCAPES nor ANSI_QUOTES, on which the quoting in `rows` relies."""


def arguments(config: MysqlConfig) -> dict[str, Any]:
    """Return the arguments of `pymysql.connect`.

    Until it is made, answers are waited for as long as for the connection.
    """
    password = config.password.get_secret_value() if config.password else ""
    given: dict[str, Any] = {
        "host": config.host,
        "port": config.port,
        "unix_socket": str(config.unix_socket) if config.unix_socket else None,
        "database": config.database,
        "user": config.user,
        "password": password.encode(),  # PyMySQL takes text for Latin-1
        "charset": "utf8mb4",
        "connect_timeout": config.connect_timeout_seconds,
        "read_timeout": config.connect_timeout_seconds,
        "write_timeout": config.connect_timeout_seconds,
        "program_name": "flask-chest",
        "init_command": _session(config.timeout_seconds),
        **_tls(config),
    }
    # Not `autocommit=False`, which is a question of its own to the server.
    return {**{name: value for name, value in given.items() if value}, "autocommit": None}


def _session(timeout_seconds: float) -> str:
    """Return the statement that sets all that a session needs.

    READ COMMITTED locks no gaps, in which other writers would wait or die. Waiting for a lock ends
    before we give the connection up. Notes tell of blanks that were cut. A comment with ``M!`` is
    for MariaDB alone, one with a version of MySQL that MariaDB never had for MySQL alone:
    https://dev.mysql.com/doc/refman/8.0/en/comments.html
    https://mariadb.com/kb/en/comment-syntax/
    """
    patience = max(1, math.floor(timeout_seconds / 2))
    return (
        f"SET sql_mode = '{_SQL_MODE}', time_zone = '+00:00', autocommit = 0,"
        " /*M! tx_isolation */ /*!50720 transaction_isolation */ = 'READ-COMMITTED',"
        f" innodb_lock_wait_timeout = {patience}, lock_wait_timeout = {patience},"
        " sql_notes = 1, max_error_count = 64"
    )


def _tls(config: MysqlConfig) -> dict[str, Any]:
    if config.tls == "DISABLED":
        return {"ssl_disabled": True}
    if config.tls == "PREFERRED":
        return {}  # PyMySQL's own default
    context = ssl.create_default_context(cafile=config.ssl_ca)
    context.check_hostname = config.tls == "VERIFY_IDENTITY"
    if config.tls == "REQUIRED":
        context.verify_mode = ssl.CERT_NONE
    # The authority that a MySQL server makes for itself has no key identifier, which Python 3.13
    # insists on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if config.ssl_cert is not None:
        context.load_cert_chain(config.ssl_cert, config.ssl_key)
    return {"ssl": context}
