"""The body of a response: completes the record before the last of it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.wsgi import ClosingIterator

from flask_chest.capture.facts import count_chunk, count_whole

if TYPE_CHECKING:
    from flask_chest.capture.request_state import RequestState

Finish: TypeAlias = "Callable[[RequestState, BaseException | None], None]"
"""Completes the record of a request, with the exception that ended it, or None."""

_streaming: ContextVar[str | None] = ContextVar("flask_chest_streaming", default=None)


def streaming_request_id() -> str | None:
    """Return the ID of the request whose body is being produced, or None."""
    return _streaming.get()


def follow(body: Iterable[bytes], state: RequestState, finish: Finish) -> Iterable[bytes]:
    """Return the body of a tracked request. Complete the record now, or at the end of a stream.

    Only the response knows whether its body is a stream, and Flask does not pass it on: the signal
    `request_finished` does, at the price of a call for each untracked request. So the response is
    taken from the functions that werkzeug's iterator calls when it is closed. They are a private
    attribute. Without it, each body counts as a stream: the record is the same, some microseconds
    later.
    """
    if isinstance(body, ClosingIterator):
        try:
            close: Any = body._callbacks[-1]  # noqa: SLF001 - see above
            is_stream = type(close.__self__.response) is not list
        except (AttributeError, IndexError):
            is_stream = True
        if is_stream:
            return Body(body, state, finish)
    plan = state.plan
    if plan is not None and plan.facts is not None:
        count_whole(body, state)
    finish(state, state.error)
    return body


class Body:
    """A streamed body that completes the record of its request.

    The record is complete when the announced length is reached, when the body ends or fails, or
    when the server closes it because the client went away.
    """

    def __init__(self, body: ClosingIterator, state: RequestState, finish: Finish) -> None:
        self._body = body
        self._state = state
        self._finish = finish
        # The generator does not refer to this object: that would be a reference cycle when a
        # server closes a body without reading it.
        length = _length(state.headers)
        if length is None:
            self._chunks = _streamed(body, state, finish)
        else:
            self._chunks = _announced(body, state, finish, length)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Close the body of Flask, then complete the record if it is not complete yet."""
        try:
            self._body.close()
        finally:
            self._finish(self._state, self._state.error)


def _length(headers: Iterable[tuple[str, str]]) -> int | None:
    """Return the announced length of a body in bytes, or None."""
    for name, value in headers:
        if name.lower() == "content-length" and value.isdecimal():
            return int(value)
    return None


def _announced(
    body: Iterable[bytes], state: RequestState, finish: Finish, left: int
) -> Iterator[bytes]:
    try:
        for chunk in body:
            count_chunk(chunk, state)
            left -= len(chunk)
            if left <= 0:
                finish(state, state.error)
            yield chunk
    except GeneratorExit:  # the client went away: `Body.close` completes the record
        raise
    except BaseException as error:
        finish(state, error)
        raise
    finish(state, state.error)


def _streamed(body: Iterator[bytes], state: RequestState, finish: Finish) -> Iterator[bytes]:
    """Yield a body of unknown length; its code may run without a request context."""
    try:
        while True:
            token = _streaming.set(state.request_id)
            try:
                chunk = next(body)
            except StopIteration:
                break
            finally:
                _streaming.reset(token)
            count_chunk(chunk, state)
            yield chunk
    except GeneratorExit:
        raise
    except BaseException as error:
        finish(state, error)
        raise
    finish(state, state.error)
