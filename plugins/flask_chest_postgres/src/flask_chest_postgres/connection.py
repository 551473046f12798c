"""A connection that does not wait for ever, and a session whose settings are known."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow

_Result = TypeVar("_Result")


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
        """Wait for an answer, as psycopg does for all that it sends."""
        return super().wait(self._limited(gen), *args, **options)

    def _limited(self, answer: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
        """Pass on what psycopg's generator waits for, and what has become ready."""
        try:
            wanted = next(answer)
            heard = time.monotonic()
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = now
                elif now - heard > self.limit_seconds:
                    self.close()
                    raise psycopg.OperationalError(
                        f"the server has said nothing for {self.limit_seconds:g} seconds"
                    )
                wanted = answer.send(ready)
        except StopIteration as end:
            result: _Result = end.value
            return result
