"""The body of a response, and the ID of the request that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from werkzeug.wsgi import ClosingIterator

    from flask_chest.tracked import Tracked

_streaming: ContextVar[str | None] = ContextVar("flask_chest_streaming", default=None)


def streaming_request_id() -> str | None:
    """Return the ID of the request whose body is being produced at this moment, or None."""
    return _streaming.get()


class Body:
    """A response body, whose record is complete before the last of it leaves.

    That is when the announced length is reached, when it ends, when it fails, or when the server
    closes it because the client went away.
    """

    def __init__(
        self,
        body: ClosingIterator,
        tracked: Tracked,
        finish: Callable[[Tracked, BaseException | None], None],
    ) -> None:
        self._body = body
        self._next: Callable[[], bytes] = body.__next__
        self._tracked = tracked
        self._finish = finish
        self._left = tracked.length
        if tracked.length is None:  # a stream, which may run without a request context
            self._next = self._streamed

    def _streamed(self) -> bytes:
        token = _streaming.set(self._tracked.request_id)
        try:
            return next(self._body)
        finally:
            _streaming.reset(token)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        tracked = self._tracked
        try:
            chunk = self._next()
        except StopIteration:
            self._finish(tracked, tracked.error)
            raise
        except BaseException as error:
            self._finish(tracked, error)
            raise
        if self._left is not None:
            self._left -= len(chunk)
            if self._left <= 0:
                self._finish(tracked, tracked.error)
        return chunk

    def close(self) -> None:
        """Close what Flask made; the record is complete then at the latest."""
        try:
            self._body.close()
        finally:
            self._finish(self._tracked, self._tracked.error)
