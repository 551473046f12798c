"""A connection that does not wait for ever, and a session whose settings are known."""

from __future__ import annotations

import math
import select
from collections.abc import Generator
from contextlib import suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import TupleRow
from psycopg.waiting import Ready, Wait

_Result = TypeVar("_Result")

_EVENTS: Final = {
    Wait.R: select.POLLIN,
    Wait.W: select.POLLOUT,
    Wait.RW: select.POLLIN | select.POLLOUT,
}


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


def session(timeout_seconds: float) -> str:
    """Return the statement that makes a session, whatever its user's settings, what we rely on.

    It holds for one transaction: behind a pooler, the session belongs to others as well.

    Args:
        timeout_seconds: How long a statement may take.
    """
    settings = {
        "statement_timeout": str(math.ceil(timeout_seconds * 1000)),
        "timezone": "UTC",
        "datestyle": "ISO",
        "extra_float_digits": "1",
    }
    calls = (f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}"


def in_one_go(
    driver: psycopg.Connection[Any], *statements: tuple[str, tuple[object, ...] | None]
) -> psycopg.Error | None:
    """Send statements without waiting in between; return the first error.

    Args:
        driver: In autocommit mode.
        *statements: Each with its parameters. After an error, the others are passed over.
    """
    first: psycopg.Error | None = None
    try:
        with driver.pipeline():
            try:
                for statement, parameters in statements:
                    driver.execute(statement.encode(), parameters)
            except psycopg.Error as error:
                first = error  # not raised inside, for psycopg logs what follows from it
    except psycopg.Error as error:
        first = first or error
    return first


class TimedConnection(psycopg.Connection[TupleRow]):
    """Gives up a server that says nothing.

    The server's own `statement_timeout` ends a statement that takes too long. This is for a server
    that is stopped or cut off while the TCP connection stands; libpq has no limit for it.

    Attributes:
        limit_seconds: How long it may say nothing while we wait for an answer.
    """

    limit_seconds: float = 60.0

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:  # noqa: ANN401 - psycopg's own, whichever version's
        """Wait for an answer, as psycopg does for all that it sends.

        Not with psycopg's own loop: most versions of it never return while nothing comes.
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
            with suppress(psycopg.Error):  # what it finds out about a connection that is lost
                gen.close()
            raise

    def _ready(self, wanted: Wait) -> Ready:
        """Return what the socket is ready for."""
        try:
            ready = _ready(self.fileno(), wanted, self.limit_seconds)
        except BaseException:  # a signal's: what comes later would be taken for another's answer
            self.close()
            raise
        if ready is None:
            self.close()
            raise psycopg.OperationalError(
                f"the server has said nothing for {self.limit_seconds:g} seconds"
            )
        return ready
