"""Requests that reach Flask past the middleware, recorded with Flask's own hooks.

A server may have been given a callable that was made before `init_app`: ``ProxyFix(app.wsgi_app)``,
or an application of connexion. The middleware does not see its requests. A tracked view does, and
so does app-wide capture: from there on the response and the end of the request's context tell the
rest. Such a record begins when the request has been matched, a moment later than others.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from flask import request_finished, request_tearing_down
from werkzeug.datastructures import Headers
from werkzeug.wsgi import ClosingIterator

from flask_chest.capture.facts import count_whole
from flask_chest.runtime import flask_proxies

if TYPE_CHECKING:
    from flask import Response

    from flask_chest.capture.middleware import Capture
    from flask_chest.capture.request_state import UnfollowedState


class Unfollowed:
    """Completes the records of requests that the middleware does not see.

    Args:
        capture: Of the application. It owns this object.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = weakref.proxy(capture)
        self._is_connected = False

    def attach(self, state: UnfollowedState) -> None:
        """Follow a request whose record has begun. Later calls do nothing."""
        if state.is_attached:
            return
        state.is_attached = True
        if not self._is_connected:  # not before it is needed: it costs each request a call
            self._is_connected = True
            request_finished.connect(self._on_response, self._capture.app)
            request_tearing_down.connect(self._on_teardown, self._capture.app)

    def _on_response(self, _app: object, response: Response, **_: object) -> None:
        # After all functions of the application that change the response.
        state, capture = self._state(), self._capture
        if state is None or not state.is_attached:
            return
        capture.open_bodies.finish_dropped()
        headers = list(response.headers)
        capture.respond(state, response.status, headers)
        response.headers = Headers(headers)
        # The server closes the file of a response that it passes through, not the response.
        if response.is_streamed and not response.direct_passthrough:
            body = ClosingIterator(
                response.iter_encoded(), getattr(response.response, "close", None)
            )
            response.response = capture.open_bodies.followed(body, state, capture.recorder.finish)
        else:
            count_whole(response.response, state)
            state.is_answered = True

    def _on_teardown(self, _app: object, exc: BaseException | None = None, **_: object) -> None:
        # Called once more for each copied context, maybe while the view still runs.
        state = self._state()
        if state is None:
            return
        if state.is_answered:
            self._capture.recorder.finish(state, None)
        elif exc is not None and state.status is None:  # it goes on to the server, which answers
            self._capture.recorder.finish(state, exc)

    def _state(self) -> UnfollowedState | None:
        """Return the state of the current request; None when the middleware follows it."""
        try:
            state = flask_proxies.request().environ.get(self._capture.key)
        except (RuntimeError, ReferenceError):  # no request; or capture is gone
            return None
        return None if state is None or state.is_followed else state
