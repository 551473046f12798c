"""The blocks of `chest.suppressed()`: what happens within one is not recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from flask_chest.capture.globals import SlottedGlobals, slots_of
from flask_chest.runtime import flask_proxies

if TYPE_CHECKING:
    from flask_chest.capture.request_state import RequestState

_MISSING: Final = object()

block_owner: ContextVar[object] = ContextVar("flask_chest_block_owner", default=None)
"""Whose block the code runs in: the state of a request, an object that stands for no request, or
None outside of any block. A request that begins in a block of anything but itself is dropped."""


@contextmanager
def suppressed(state: RequestState | None) -> Iterator[None]:
    """Record nothing of what happens in the `with` block.

    Args:
        state: The request that the block runs in, or None. That request is recorded, without the
            variables that are put on `flask.g` in the block.
    """
    token = block_owner.set(state or object())
    try:
        if state is None:
            yield
        else:
            with _hidden_variables(state):
                yield
    finally:
        # Another context: a generator may be closed anywhere.
        with suppress(ValueError):
            block_owner.reset(token)


@contextmanager
def _hidden_variables(state: RequestState) -> Iterator[None]:
    variables = flask_proxies.g()
    shown = SlottedGlobals(variables, slots_of(type(variables)))
    before = shown.__dict__
    try:
        yield
    finally:
        put = {
            name: value
            for name, value in shown.__dict__.items()
            if before.get(name, _MISSING) is not value
        }
        state.hidden = {**(state.hidden or {}), **put}
