"""Connections that time out, sessions with known settings, and what libpq says about URLs."""

from __future__ import annotations

import math
import re
import select
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg.types.datetime import TimestampLoader, TimestamptzLoader
from psycopg.types.json import set_json_loads
from psycopg.waiting import Ready, Wait

from flask_chest.server_config import NOT_A_URL, meant

GRACE_SECONDS: Final = 1.0
"""Longer than the limit of the server, whose error says more."""

_Result = TypeVar("_Result")

_EVENTS: Final = {
    Wait.R: select.POLLIN,
    Wait.W: select.POLLOUT,
    Wait.RW: select.POLLIN | select.POLLOUT,
}


# -- What libpq says -----------------------------------------------------------------------------


def read_url(url: str, fields: Collection[str]) -> dict[str, Any]:
    """Return the parameters of libpq for which a URL stands; it may have several hosts, or none.

    Args:
        url: As libpq has it, ``postgresql://...``.
        fields: What else may stand in its query, for the message.

    Raises:
        ValueError: It cannot be read. The message does not repeat it.
    """
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error as error:
        unknown = re.search(r'invalid URI query parameter: "([^"]*)"', str(error))
        if unknown is None:
            raise ValueError(NOT_A_URL) from None
        raise ValueError(
            f"has the parameter {unknown[1]!r}, which is neither one of libpq's nor a field. "
            f"{meant([unknown[1]], fields) or f'The fields are {sorted(fields)}'}"
        ) from None


def is_parameter(name: str) -> bool:
    """Return whether libpq has a parameter of this name."""
    try:
        make_conninfo(**{name: ""})
    except psycopg.Error:
        return False
    return True


def defaults() -> dict[str, str]:
    """Return libpq's defaults by parameter: from its environment variables, or as it was built."""
    return {
        option.keyword.decode(): (option.val or b"").decode(errors="replace")
        for option in pq.Conninfo.get_defaults()
    }


# -- Connections and sessions --------------------------------------------------------------------


def session(timeout_seconds: float, *, only_reads: bool = False) -> str:
    """Return the statement that sets all settings of a session on which the store relies.

    They hold for one transaction: behind a pooler, other clients share the session.

    Args:
        timeout_seconds: Longest time of a statement.
        only_reads: Whether the server refuses what would write.
    """
    settings = {
        "statement_timeout": str(math.ceil(timeout_seconds * 1000)),
        "timezone": "UTC",
        "datestyle": "ISO",
        "extra_float_digits": "1",
    }
    if only_reads:
        settings["transaction_read_only"] = "on"
    calls = (f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}"


def in_one_go(
    driver: psycopg.Connection[Any], *statements: tuple[str, tuple[object, ...] | None]
) -> psycopg.Error | None:
    """Send statements in a pipeline, without waiting in between; return the first error.

    Args:
        driver: In autocommit mode.
        *statements: Each with its parameters. After an error, the server skips the others.
    """
    first: psycopg.Error | None = None
    try:
        with driver.pipeline():
            try:
                for statement, parameters in statements:
                    driver.execute(statement.encode(), parameters)
            except psycopg.Error as error:
                first = error  # psycopg would log the errors that follow, were it raised here
    except psycopg.Error as error:
        first = first or error
    return first


def _ready(descriptor: int, wanted: Wait, seconds: float) -> Ready | None:
    """Return what a socket is ready for; None when it is ready for nothing in time.

    With `poll`, which has no limit for the number of a descriptor. Eventlet takes it away, and has
    a `select` without that limit that lets other green threads run.
    """
    if not hasattr(select, "poll"):
        readable, writable, _ = select.select(
            [descriptor] if wanted & Wait.R else [],
            [descriptor] if wanted & Wait.W else [],
            [],
            seconds,
        )
        if readable:
            return Ready.RW if writable else Ready.R
        return Ready.W if writable else None
    socket = select.poll()
    socket.register(descriptor, _EVENTS[wanted])
    found = socket.poll(seconds * 1000)
    if not found:
        return None
    [(_, events)] = found
    if events & ~(select.POLLIN | select.POLLOUT):  # an error: psycopg finds out which
        return Ready.RW
    if events & select.POLLIN:
        return Ready.RW if events & select.POLLOUT else Ready.R
    return Ready.W


def _refusals(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return what keeps libpq from sending the password in clear to whoever asks for it.

    A server, or whoever takes its place, may ask for it. That is allowed through TLS that checks
    the certificate and through a socket on this machine, and where `require_auth` says so. Before
    version 16, libpq has no such parameter.
    """
    preset = defaults()
    given = {name: value for name, value in {**preset, **arguments}.items() if value}
    host = str(given.get("hostaddr") or given.get("host") or "/")
    if (
        "require_auth" not in preset
        or "require_auth" in given
        or "service" in given  # it may set any of these
        or given.get("sslmode") in ("verify-ca", "verify-full")
        or given.get("sslrootcert") == "system"
        or all(each.startswith(("/", "@")) for each in host.split(","))
    ):
        return {}
    return {"require_auth": "!password"}


class _AwareTime(TimestamptzLoader):
    """Gives a time that Python lacks, such as ``infinity``, as a text: no record has it."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401 - a datetime, or else
        """Return a datetime, or the text."""
        try:
            return super().load(data)
        except psycopg.DataError:
            return bytes(data).decode(errors="replace")


class _NaiveTime(TimestampLoader):
    """The same, for a column that was changed to have no time zone."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401 - a datetime, or else
        """Return a datetime, or the text."""
        try:
            return super().load(data)
        except psycopg.DataError:
            return bytes(data).decode(errors="replace")


_LOADERS: Final[Mapping[str, Any]] = {"timestamptz": _AwareTime, "timestamp": _NaiveTime}


class TimedConnection(psycopg.Connection[TupleRow]):
    """Closes itself when the server is silent for too long.

    The server's own `statement_timeout` ends a statement that takes too long. This limit is for a
    server that is stopped or cut off while the TCP connection stands; libpq has none for that.

    Attributes:
        limit_seconds: Longest silence while an answer is awaited.
    """

    limit_seconds: float = 60.0

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:  # noqa: ANN401 - psycopg's own, whichever version's
        """Wait for an answer; psycopg calls this for everything that it sends.

        Most versions of psycopg's own loop never return while nothing arrives.
        """
        del args, options
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(self._ready(wanted))
        except StopIteration as end:
            result: _Result = end.value
            return result
        except BaseException:
            with suppress(psycopg.Error):  # it may find that the connection is lost
                gen.close()
            raise

    def _ready(self, wanted: Wait) -> Ready:
        """Return what the socket is ready for."""
        try:
            ready = _ready(self.fileno(), wanted, self.limit_seconds)
        except BaseException:  # of a signal: the answer would be taken for that to the next query
            self.close()
            raise
        if ready is None:
            self.close()
            raise psycopg.OperationalError(
                f"the server has said nothing for {self.limit_seconds:g} seconds"
            )
        return ready


def connect(
    arguments: Mapping[str, Any], timeout_seconds: float, loads: Callable[[str | bytes], Any]
) -> TimedConnection:
    """Return a new connection.

    Args:
        arguments: From `PostgresConfig.arguments`.
        timeout_seconds: Longest time of a statement.
        loads: Decodes a `jsonb`.
    """
    # Without prepared statements: behind a pooler in transaction mode, the next transaction may
    # run on another connection of the server.
    arguments = {**_refusals(arguments), **arguments}
    connection = TimedConnection.connect(**arguments, prepare_threshold=None)
    set_json_loads(loads, connection)
    for kind in ("timestamptz", "timestamp"):
        connection.adapters.register_loader(kind, _LOADERS[kind])
    connection.limit_seconds = timeout_seconds + GRACE_SECONDS
    return connection
