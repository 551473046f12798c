"""Whether Flask serves the current request, or its context was only pushed around some code.

Flask-SocketIO, for example, pushes a context with the environ of the handshake around each event,
and `app.test_request_context()` pushes one without any request. No response ends what runs there.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from types import FrameType
from typing import TYPE_CHECKING, Final

import flask.ctx
import flask.helpers
from flask.app import Flask

if TYPE_CHECKING:
    from flask import Request

_WSGI_APP: Final = getattr(inspect.unwrap(Flask.wsgi_app), "__code__", None)
_DISPATCH: Final = getattr(inspect.unwrap(Flask.full_dispatch_request), "__code__", None)

# The functions of `copy_current_request_context` and `stream_with_context` that push a context of a
# request which is being served.
_PUSHED_AGAIN: Final = {(flask.ctx.__file__, "wrapper"), (flask.helpers.__file__, "generator")}


def is_served(request: Request) -> bool:
    """Return whether Flask serves a request, as far as the call stack tells.

    Only the stack tells: Flask leaves no mark on a request that it serves. To look at it takes some
    microseconds, so it is asked where something else is unusual.

    Args:
        request: The Flask request whose context is active.
    """
    dispatches = 0
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as `logging` does, to find a caller
    while frame is not None:
        code = frame.f_code
        if code is _WSGI_APP:
            if frame.f_locals.get("environ", request.environ) is request.environ:
                return True
            dispatches -= 1  # that of a request around this one
        elif code is _DISPATCH:
            dispatches += 1
        elif (code.co_filename, code.co_name) in _PUSHED_AGAIN:
            return True
        frame = frame.f_back
    # Flask runs an async view in another thread, whose stack tells nothing.
    return dispatches > 0 or asyncio._get_running_loop() is not None  # noqa: SLF001 - None, where the public function raises
