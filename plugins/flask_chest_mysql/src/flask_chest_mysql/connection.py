"""How PyMySQL connects, the settings of a session, and which server it leads to."""

from __future__ import annotations

import math
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from pymysql.err import OperationalError

if TYPE_CHECKING:
    from flask_chest_mysql.config import MysqlConfig

_SQL_MODE: Final = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)
"""Strict: nothing is cut, rounded or replaced to fit. It has neither NO_BACKSLASH_ESCAPES nor
ANSI_QUOTES, on which the quoting in `encode` relies."""


def arguments(config: MysqlConfig) -> dict[str, Any]:
    """Return the arguments of `pymysql.connect`.

    PyMySQL has one time-out for the sign-in and for all answers after it. This is the short one,
    of the sign-in; `wait_for_answers` sets the other.
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
        "auth_plugin_map": _refusals(config),
        **_tls(config),
    }
    # `autocommit=False` would cost a round trip; the session's statement sets it.
    return {**{name: value for name, value in given.items() if value}, "autocommit": None}


CLEAR_PASSWORD: Final = 2061
"""Code of a sign-in that failed in a plugin, here because it would send the password in clear."""


class _Refusal:
    """Takes the place of PyMySQL's code that sends the password in clear, as the server asks.

    Args:
        _connection: PyMySQL's own, which is not asked anything.
    """

    def __init__(self, _connection: object) -> None:
        pass

    def authenticate(self, _packet: object) -> NoReturn:
        """Refuse.

        Raises:
            OperationalError: Always.
        """
        raise OperationalError(
            CLEAR_PASSWORD, "the server asks for the password in clear, and its TLS is not verified"
        )


def _refusals(config: MysqlConfig) -> dict[bytes, type[_Refusal]]:
    """Return the ways of signing in that are refused, unless who reads them is known."""
    if config.tls.startswith("VERIFY") or config.unix_socket is not None:
        return {}
    return {b"mysql_clear_password": _Refusal, b"dialog": _Refusal}


_TIMEOUTS: Final = ("_read_timeout", "_write_timeout")


def wait_for_answers(driver: object, seconds: float) -> None:
    """Set the time-out of a PyMySQL connection for the answers after the sign-in.

    PyMySQL has private attributes alone for it. Without them, the time-out of the sign-in stays: a
    statement has `connect_timeout_seconds`, not `timeout_seconds`.
    """
    if all(hasattr(driver, name) for name in _TIMEOUTS):
        for name in _TIMEOUTS:
            setattr(driver, name, seconds)


def patience(timeout_seconds: float) -> int:
    """Return how many seconds to wait for a lock: less than until the connection times out."""
    return max(1, math.floor(timeout_seconds / 2))


def _session(timeout_seconds: float) -> str:
    """Return the statement that sets everything that a session needs.

    READ COMMITTED locks no gaps, in which other writers would wait or fail. A wait for a lock ends
    before the connection times out. Notes report blanks that were cut off. A comment with ``M!`` is
    for MariaDB alone, one with a version of MySQL that MariaDB never had for MySQL alone:
    https://dev.mysql.com/doc/refman/8.0/en/comments.html
    https://mariadb.com/kb/en/comment-syntax/
    """
    seconds = patience(timeout_seconds)
    return (
        f"SET sql_mode = '{_SQL_MODE}', time_zone = '+00:00', autocommit = 0,"
        " /*M! tx_isolation */ /*!50720 transaction_isolation */ = 'READ-COMMITTED',"
        f" innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds},"
        " sql_notes = 1, max_error_count = 64"
    )


def question(timeout_seconds: float) -> str:
    """Return the statement that makes a session one for questions.

    The server refuses to write in it, and cancels a query that takes longer.
    """
    return (
        f"SET /*M! max_statement_time = {timeout_seconds:f}, tx_read_only */"
        f" /*!50720 max_execution_time = {math.ceil(timeout_seconds * 1_000)},"
        " transaction_read_only */ = 1"
    )


NO_QUESTION: Final = (
    "SET /*M! max_statement_time = DEFAULT, tx_read_only */"
    " /*!50720 max_execution_time = DEFAULT, transaction_read_only */ = 0"
)
"""The statement that makes a session one for all else again."""


def _tls(config: MysqlConfig) -> dict[str, Any]:
    if config.tls == "DISABLED":
        return {"ssl_disabled": True}
    if config.tls == "PREFERRED":
        return {}  # PyMySQL's own default
    context = ssl.create_default_context(cafile=config.ssl_ca)
    context.check_hostname = config.tls == "VERIFY_IDENTITY"
    if config.tls == "REQUIRED":
        context.verify_mode = ssl.CERT_NONE
    # The authority that a MySQL server creates for itself has no key identifier, which Python 3.13
    # demands.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if config.ssl_cert is not None:
        context.load_cert_chain(config.ssl_cert, config.ssl_key)
    return {"ssl": context}


# -- The server ----------------------------------------------------------------------------------

MIN_MYSQL: Final = (8, 0, 19)
MIN_MARIADB: Final = (10, 6, 0)
MYSQL_COLLATION: Final = "utf8mb4_0900_bin"
MARIADB_COLLATION: Final = "utf8mb4_nopad_bin"


@dataclass(frozen=True)
class Flavor:
    """The product and the version of a server.

    Attributes:
        product: Name of the product.
        version: Three numbers.
    """

    product: Literal["MySQL", "MariaDB"]
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.product} {self.version[0]}.{self.version[1]}"

    @property
    def is_mariadb(self) -> bool:
        """Whether it is MariaDB."""
        return self.product == "MariaDB"

    @property
    def is_supported(self) -> bool:
        """Whether it is new enough."""
        return self.version >= (MIN_MARIADB if self.is_mariadb else MIN_MYSQL)

    @property
    def collation(self) -> str:
        """The collation in which only equal texts are equal: 'a' is neither 'A' nor 'a '."""
        return MARIADB_COLLATION if self.is_mariadb else MYSQL_COLLATION


def identify(version: str) -> Flavor:
    """Return the product and the version of a server.

    Args:
        version: Result of its function VERSION(), such as ``8.0.36`` or ``10.11.6-MariaDB-log``.
    """
    is_mariadb = "mariadb" in version.lower()
    # To replicas of MySQL, MariaDB 10 reports 5.5.5-10.6.12-MariaDB.
    found = re.match(r"(?:5\.5\.5-(?=\d))?(\d+)\.(\d+)(?:\.(\d+))?", version)
    major, minor, patch = (int(number or 0) for number in (found.groups() if found else "000"))
    return Flavor("MariaDB" if is_mariadb else "MySQL", (major, minor, patch))
