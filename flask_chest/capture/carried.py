"""The request ID and the trace that work carries which is no request: a job, a thread, a task.

A `Carried` says what goes along. The context variable says where it holds: for the code of one
block, and for what that code calls. A request that is served in the block has its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from flask import has_request_context

from flask_chest.capture.response_body import streaming_request_id
from flask_chest.runtime import flask_proxies

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.capture.request_state import RequestState

_Surroundings: TypeAlias = "tuple[Request | None, str | None]"
"""The current request, and the request whose body is being produced."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes along from a request to the work that it causes. It can be pickled.

    Attributes:
        request_id: ID of the request or job; None for none.
        trace_id: 32 hexadecimal digits, or None.
        header: Header for the request ID; empty for none.
        trace_headers: Well-formed `traceparent` and `tracestate`, as they were received.
    """

    request_id: str | None = None
    trace_id: str | None = None
    header: str = ""
    trace_headers: Mapping[str, str] = field(default_factory=dict)


NOTHING: Final = Carried()


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block of code that carries something.

    Attributes:
        carried: What it carries.
        state: The state of the job that the block is; None when it is none.
        surroundings: What was around the block when it began.
    """

    carried: Carried
    state: RequestState | None
    surroundings: _Surroundings


_innermost: ContextVar[Block | None] = ContextVar("flask_chest_carried", default=None)


def enter(carried: Carried, state: RequestState | None = None) -> Token[Block | None]:
    """Begin a block, and return what `leave` takes."""
    return _innermost.set(Block(carried, state, _surroundings()))


def leave(token: Token[Block | None]) -> None:
    """End a block."""
    # Another context, or a second time: an asynchronous generator may be closed anywhere.
    with contextlib.suppress(ValueError, RuntimeError):
        _innermost.reset(token)


@contextlib.contextmanager
def carrying(carried: Carried) -> Iterator[None]:
    """Carry something in the `with` block."""
    token = enter(carried)
    try:
        yield
    finally:
        leave(token)


def current_block() -> Block | None:
    """Return the innermost block; None when there is none, or when a request is inside of it."""
    block = _innermost.get()
    if block is None:
        return None
    request, streaming = _surroundings()
    if request is None and streaming is None:
        return block
    began_in, began_streaming = block.surroundings
    return block if request is began_in and streaming == began_streaming else None


def _surroundings() -> _Surroundings:
    request = flask_proxies.request() if has_request_context() else None
    return request, streaming_request_id()
