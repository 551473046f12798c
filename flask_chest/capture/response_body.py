"""The body of a response: completes the record before the last of it leaves."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.wsgi import ClosingIterator

from flask_chest.capture.facts import count_chunk, count_whole

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from flask_chest.capture.request_state import RequestState

Finish: TypeAlias = "Callable[[RequestState, BaseException | None], None]"
"""Completes the record of a request, with the exception that ended it, or None."""

_streaming: ContextVar[str | None] = ContextVar("flask_chest_streaming", default=None)


def streaming_request_id() -> str | None:
    """Return the ID of the request whose body is being produced, or None."""
    return _streaming.get()


class Ending:
    """The end of one body: completes the record of its request, once, whoever comes first.

    Args:
        state: The request.
        finish: Completes its record.
        dropped: Where the request goes when nobody has completed its record.
    """

    def __init__(
        self, state: RequestState, finish: Finish, dropped: deque[tuple[RequestState, Finish]]
    ) -> None:
        # One step takes the request out: the server's thread may end the body while another one
        # closes the chest.
        self._open = [(state, finish)]
        self._dropped = dropped

    def complete(self, error: BaseException | None = None) -> None:
        """Complete the record with what is known now; later calls do nothing."""
        try:
            state, finish = self._open.pop()
        except IndexError:
            return
        finish(state, error)

    def __del__(self) -> None:
        # A server or a middleware has dropped the body without closing it. The record has to wait:
        # the collector may call this anywhere, also where the journal is locked.
        self._dropped.extend(self._open)


class Body:
    """A body that completes the record of its request.

    The record is complete when the announced length is reached, when the body ends or fails, when
    the server closes it because the client went away, or when nobody refers to it any more.
    """

    def __init__(self, body: Iterable[bytes], state: RequestState, ending: Ending) -> None:
        self._body = body
        self._ending = ending
        # The generator does not refer to this object: that would be a reference cycle when a
        # server closes a body without reading it. Many middlewares keep the generator alone.
        self._chunks = _followed(body, state, ending)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Close the body inside, then complete the record if it is not complete yet."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._ending.complete(error)
            raise
        self._ending.complete()


class OpenBodies:
    """The bodies that are being followed, so that an orderly end of the process records them."""

    def __init__(self) -> None:
        self._endings: weakref.WeakSet[Ending] = weakref.WeakSet()
        self._dropped: deque[tuple[RequestState, Finish]] = deque()

    def follow(
        self,
        body: Iterable[bytes],
        environ: WSGIEnvironment,
        state: RequestState,
        finish: Finish,
    ) -> Iterable[bytes]:
        """Return a body, and complete the record of its request: now, or at the end of the body.

        All is followed to its end that is not known to be whole: a stream, or what a middleware
        makes of a response, which may not even have begun.

        Only Flask's response knows whether its body is a stream, and Flask does not pass it on: the
        signal `request_finished` does, at the price of a call for each untracked request. So the
        response is taken from the functions that werkzeug's iterator calls when it is closed. They
        are a private attribute. Without it, each body counts as a stream: the record is the same,
        some microseconds later.
        """
        if self._dropped:
            self.finish_dropped()
        kind = type(body)
        if kind is ClosingIterator:
            try:
                close: Any = body._callbacks[-1]  # type: ignore[attr-defined]  # noqa: SLF001 - see below
                is_whole = type(close.__self__.response) is list
            except (AttributeError, IndexError):
                is_whole = False
        else:
            is_whole = kind is list or kind is tuple or _is_file(body, environ)
        if is_whole:
            plan = state.plan
            if plan is not None and plan.facts is not None:
                count_whole(body, state)
            finish(state, None)
            return body
        return self.followed(body, state, finish)

    def followed(self, body: Iterable[bytes], state: RequestState, finish: Finish) -> Body:
        """Return a body that completes the record of its request at its end."""
        ending = Ending(state, finish, self._dropped)
        self._endings.add(ending)
        return Body(body, state, ending)

    def finish(self) -> None:
        """Complete the records of all bodies that are open."""
        while True:
            try:
                endings = list(self._endings)
            except RuntimeError:  # another thread has just begun one
                continue
            break
        for ending in endings:
            ending.complete()
        self.finish_dropped()

    def finish_dropped(self) -> None:
        """Complete the records of bodies that were dropped without being closed."""
        while True:
            try:
                state, finish = self._dropped.popleft()
            except IndexError:
                return
            finish(state, None)


def _is_file(body: Iterable[bytes], environ: WSGIEnvironment) -> bool:
    """Return whether a body is a file that the server sends in its own way.

    The server would not recognise it inside a body of ours. uWSGI's wrapper is no class, and
    returns the file itself.
    """
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return False
    return isinstance(body, wrapper) if isinstance(wrapper, type) else hasattr(body, "read")


def _length(headers: Iterable[tuple[str, str]]) -> int | None:
    """Return the announced length of a body in bytes, or None."""
    for name, value in headers:
        if name.lower() == "content-length" and value.isdecimal():
            return int(value)
    return None


def _followed(body: Iterable[bytes], state: RequestState, ending: Ending) -> Iterator[bytes]:
    """Yield a body, whose code may run without a request context, and complete the record."""
    left: int | None = None
    is_first = True
    try:
        chunks = iter(body)
        while True:
            token = _streaming.set(state.request_id)
            try:
                chunk = next(chunks)
            except StopIteration:
                break
            finally:
                _streaming.reset(token)
            if is_first:  # the application may have started the response only now
                is_first, left = False, _length(state.headers)
            count_chunk(chunk, state)
            if left is not None:
                left -= len(chunk)
                if left <= 0:
                    ending.complete()
            yield chunk
    except GeneratorExit:  # the client went away: `Body.close` completes the record
        raise
    except BaseException as error:
        ending.complete(error)
        raise
    ending.complete()
