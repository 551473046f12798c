"""The body of a response, and the ID of the request that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from werkzeug.wsgi import ClosingIterator

    from flask_chest.capture.request_state import Tracked

Finish: TypeAlias = "Callable[[Tracked, BaseException | None], None]"
"""Completes the record of a request, with what kept it from being answered."""

_streaming: ContextVar[str | None] = ContextVar("flask_chest_streaming", default=None)


def streaming_request_id() -> str | None:
    """Return the ID of the request whose body is being produced at this moment, or None."""
    return _streaming.get()


def is_whole(body: ClosingIterator) -> bool:
    """Tell whether a body was there as a whole before it is read.

    As those of most responses, and unlike a stream. A body that cannot be looked into may be one.
    """
    try:
        # The last to be called when it is closed is `Response.close`.
        return type(body._callbacks[-1].__self__.response) is list  # type: ignore[attr-defined]  # noqa: SLF001 - see docs/design.md
    except (AttributeError, IndexError):
        return False


class Body:
    """A response body, whose record is complete before the last of it leaves.

    That is when the announced length is reached, when it ends, when it fails, or when the server
    closes it because the client went away.
    """

    def __init__(self, body: ClosingIterator, tracked: Tracked, finish: Finish) -> None:
        self._body = body
        self._tracked = tracked
        self._finish = finish
        # A generator gives a chunk in half the time that a method takes. It does not refer to
        # this object, which would be a cycle where a server closes what it has not read.
        length = _length(tracked.headers)
        if length is None:
            self._chunks = _streamed(body, tracked, finish)
        else:
            self._chunks = _announced(body, tracked, finish, length)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Close what Flask made; the record is complete then at the latest."""
        try:
            self._body.close()
        finally:
            self._finish(self._tracked, self._tracked.error)


def _length(headers: Iterable[tuple[str, str]]) -> int | None:
    """Return the announced length of a body in bytes, or None."""
    for name, value in headers:
        if name.lower() == "content-length" and value.isdecimal():
            return int(value)
    return None


def _announced(
    body: Iterable[bytes], tracked: Tracked, finish: Finish, left: int
) -> Iterator[bytes]:
    try:
        for chunk in body:
            left -= len(chunk)
            if left <= 0:
                finish(tracked, tracked.error)
            yield chunk
    except GeneratorExit:  # of this generator, when nobody reads on
        raise
    except BaseException as error:
        finish(tracked, error)
        raise
    finish(tracked, tracked.error)


def _streamed(body: Iterator[bytes], tracked: Tracked, finish: Finish) -> Iterator[bytes]:
    """Go through a body of unknown length, which may run without a request context."""
    try:
        while True:
            token = _streaming.set(tracked.request_id)
            try:
                chunk = next(body)
            except StopIteration:
                break
            finally:
                _streaming.reset(token)
            yield chunk
    except GeneratorExit:
        raise
    except BaseException as error:
        finish(tracked, error)
        raise
    finish(tracked, tracked.error)
