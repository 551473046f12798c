"""The request ID and the trace that work carries which is no request: a job, a thread, a task.

A `Carried` says what goes along. The context variable says where it holds: for the code of one
block, and for what that code calls. A request that is served in the block has its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from flask import has_request_context

from flask_chest.capture.response_body import streaming_request_id
from flask_chest.runtime import flask_proxies

if TYPE_CHECKING:
    from flask import Flask, Request

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
        application: Returns the application, unless that is gone; None for none, and in another
            process.
    """

    request_id: str | None = None
    trace_id: str | None = None
    header: str = ""
    trace_headers: Mapping[str, str] = field(default_factory=dict)
    application: Callable[[], Flask | None] | None = field(default=None, compare=False)

    def __reduce__(self) -> tuple[type[Carried], tuple[object, ...]]:
        """Leave the application behind, which another process does not have."""
        return Carried, (self.request_id, self.trace_id, self.header, dict(self.trace_headers))


NOTHING: Final = Carried()


@dataclass(slots=True, eq=False)
class Block:
    """A block of code that carries something.

    Attributes:
        carried: What it carries.
        state: The state of the job that the block is; None when it is none.
        surroundings: What was around the block when it began.
        outer: The block around it; None when there is none.
        is_over: Whether it has ended. Code that took a copy of its context still carries it.
    """

    carried: Carried
    state: RequestState | None
    surroundings: _Surroundings
    outer: Block | None
    is_over: bool = False


_innermost: ContextVar[Block | None] = ContextVar("flask_chest_carried", default=None)


def enter(carried: Carried, state: RequestState | None = None) -> Block:
    """Begin a block, and return what `leave` takes."""
    block = Block(carried, state, _surroundings(), _innermost.get())
    _innermost.set(block)
    return block


def leave(block: Block) -> None:
    """End a block. Blocks of generators may end in any order, and in any context."""
    block.is_over = True
    if _innermost.get() is not block:
        return
    outer = block.outer
    while outer is not None and outer.is_over:
        outer = outer.outer
    _innermost.set(outer)


@contextlib.contextmanager
def carrying(carried: Carried) -> Iterator[None]:
    """Carry something in the `with` block."""
    block = enter(carried)
    try:
        yield
    finally:
        leave(block)


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
