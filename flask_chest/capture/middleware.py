"""Captures one record for each tracked request, however the request ends.

A WSGI middleware around `app.wsgi_app` follows a request from its start until just before the last
of its response leaves. Capture reads Flask's request while its context is there: when a tracked
view is called, when Flask starts the response, or when an exception is not handled. An untracked
request costs a few attribute accesses.

A teardown function is no place to complete the record. Depending on its version, Flask calls it
once or twice for a streamed body. Flask calls it again for every copied context, and not at all
when another teardown function raises.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import got_request_exception, has_request_context
from werkzeug.http import HTTP_STATUS_CODES

from flask_chest import record
from flask_chest.capture import suppression
from flask_chest.capture.carried import current_block
from flask_chest.capture.request_state import RequestState
from flask_chest.capture.response_body import follow
from flask_chest.capture.trace_context import trace_id
from flask_chest.runtime import flask_proxies, fork

if TYPE_CHECKING:
    from _typeshed import OptExcInfo as ExceptionInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask, Request

    from flask_chest.capture.recorder import Recorder
    from flask_chest.capture.request_ids import RequestIds
    from flask_chest.capture.rules import Rules
    from flask_chest.capture.track_rule import TrackRule

_application_numbers: Final = itertools.count(1)

# A look-up takes a fifth of what reading the number from the text takes.
_STATUS_CODES: Final = {f"{code} {name.upper()}": code for code, name in HTTP_STATUS_CODES.items()}


class Capture:
    """Finds the tracked requests of one application, and begins their records.

    Args:
        header: Response header that carries the request ID; empty for none.
        rules: What is taken from which request.
        ids: Gives request IDs.
        opts_out: True for a request that asks not to be recorded; None when none can.
        recorder: Completes the records.
        start_delivery: Called with the first request or job of a process. When it returns False, it
            is called again with the next one.
    """

    def __init__(
        self,
        *,
        header: str,
        rules: Rules,
        ids: RequestIds,
        opts_out: Callable[[Request], bool] | None,
        recorder: Recorder,
        start_delivery: Callable[[], bool],
    ) -> None:
        # One environ may pass through several applications, each with a key of its own.
        self.key = f"flask_chest.{next(_application_numbers)}"
        self.header = header
        self.rules = rules
        self._ids = ids
        self.opts_out = opts_out
        self.recorder = recorder
        self.start_delivery = start_delivery
        self.is_delivery_started = False

    def install(self, app: Flask) -> None:
        """Attach to an application that has not served a request yet."""
        if self.rules.track_all:
            # Else a view that exits the process is seen only when it is decorated.
            app.url_value_preprocessor(self._on_url_matched)
        got_request_exception.connect(self._on_exception, app)
        app.app_ctx_globals_class = type(  # type: ignore[assignment]
            "ChestGlobals", (app.app_ctx_globals_class,), {"request_id": _RequestId(self)}
        )
        app.wsgi_app = _Middleware(app.wsgi_app, self).serve  # type: ignore[method-assign]

    # -- The current request -----------------------------------------------------------------

    def current_state(self) -> RequestState:
        """Return the state of the current request."""
        return self._state_of(flask_proxies.request())

    def request_id(self) -> str:
        """Return the ID of the current request, tracked or not. Makes it when there is none."""
        request = flask_proxies.request()
        state = self._state_of(request)
        if state.request_id is None:
            self.begin_record(state, request)
        if state.request_id is None:
            # Set first: a generator that logs may ask for the ID while it makes it.
            state.request_id = record.uuid7()
            state.request_id = self._ids.make(request, None, state.request_id)
        return state.request_id

    def _state_of(self, request: Request) -> RequestState:
        state: RequestState | None = request.environ.get(self.key)
        if state is None:  # no server pushed the context: a shell, or a test
            state = request.environ[self.key] = RequestState()
            state.clock_ns = time.perf_counter_ns()
        return state

    # -- When a record begins ----------------------------------------------------------------

    def on_view_call(self, track_rule: TrackRule) -> None:
        """Called before a view that has `@chest.track`."""
        self._begin_current_record(track_rule)

    def _on_url_matched(self, _endpoint: str | None, _values: dict[str, Any] | None) -> None:
        self._begin_current_record()

    def _on_exception(self, _app: Flask, exception: BaseException) -> None:
        state = self._begin_current_record()
        if state is not None:
            state.error = exception
            state.trace_id = trace_id(flask_proxies.request().environ)

    def _begin_current_record(self, track_rule: TrackRule | None = None) -> RequestState | None:
        """Begin the record of the current request; None when no server pushed its context."""
        request = flask_proxies.request()
        state: RequestState | None = request.environ.get(self.key)
        if state is not None:
            self.begin_record(state, request, track_rule)
        return state

    def begin_record(
        self, state: RequestState, request: Request, track_rule: TrackRule | None = None
    ) -> None:
        """Begin the record of a request that is tracked. Later calls do nothing.

        Args:
            state: Of the request.
            request: The Flask request, whose context is active.
            track_rule: The `@chest.track` of the view that is about to run, or None.
        """
        if state.plan is not None:
            return
        try:
            rule, method = request.url_rule, request.method
            endpoint = rule.endpoint if rule is not None else None
            plan = self.rules.plans.get((endpoint, method))
            if plan is None:
                plan = self.rules.plan(endpoint, method)
            if plan is None and track_rule is not None:
                plan = self.rules.plan_of_hidden(track_rule, endpoint, method)
            if plan is None:
                return
            now = time.time_ns() // 1_000
            state.plan = plan
            state.generation = fork.generation
            state.started_us = now - (time.perf_counter_ns() - state.clock_ns) // 1_000
            state.identity = identity = record.uuid7(now)
            state.request = request
            state.globals = flask_proxies.g()
            if state.request_id is None:
                # Set first: a generator that logs may ask for the ID while it makes it.
                state.request_id = identity
                if plan.generator is not None or self._ids.has_source(request.environ):
                    state.request_id = self._ids.make(request, plan.generator, identity)
            if self.opts_out is not None and self.opts_out(request):
                state.is_dropped = True
            block_owner = suppression.block_owner.get()
            if block_owner is not None and block_owner is not state:
                state.is_dropped = True
        except Exception as error:  # noqa: BLE001 - a fault of capture must not cost the request
            self.recorder.report_fault(error)


class _Middleware:
    """The WSGI middleware of one application."""

    def __init__(self, application: WSGIApplication, capture: Capture) -> None:
        self._application = application
        self._capture = capture
        self._key = capture.key
        self._plans = capture.rules.plans
        self._header = capture.header
        self._header_lower = capture.header.lower()
        self._finish = capture.recorder.finish

    def serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        capture = self._capture
        if not capture.is_delivery_started:
            capture.is_delivery_started = capture.start_delivery()
        state = environ[self._key] = RequestState()
        state.clock_ns = time.perf_counter_ns()
        # Read below for each request: an attribute of the class takes four times as long.
        state.request = state.request_id = None

        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: ExceptionInfo | None = None,
            /,
        ) -> Callable[[bytes], object]:
            if state.request is None:
                try:
                    request = flask_proxies.request()
                except RuntimeError:  # another middleware answers
                    pass
                else:
                    rule = request.url_rule
                    if rule is None or self._plans.get((rule.endpoint, request.method), True):
                        capture.begin_record(state, request)
            if state.request_id is not None:
                self._respond(state, status, headers)
            return start_response(status, headers, exc_info)

        try:
            body = self._application(environ, start)
        except BaseException as error:
            # The server answers, or the process ends: the application has sent nothing.
            state.status = None
            self._finish(state, error)
            raise
        return body if state.request is None else follow(body, state, self._finish)

    def _respond(self, state: RequestState, status: str, headers: list[tuple[str, str]]) -> None:
        """Keep what the record needs of a response, and add the header with the request ID."""
        request, request_id = state.request, state.request_id
        if request is not None and (
            "HTTP_TRACEPARENT" in request.environ or "opentelemetry.trace" in sys.modules
        ):
            state.trace_id = trace_id(request.environ)
        state.status = _STATUS_CODES.get(status) or _status_code(status)
        state.headers = headers
        if not self._header or request_id is None:
            return
        for name, _ in headers:
            if name.lower() == self._header_lower:
                # The application's own. The client must see the ID of the record.
                headers[:] = [each for each in headers if each[0].lower() != self._header_lower]
                break
        headers.append((self._header, request_id))


def _status_code(status: str) -> int | None:
    return int(status[:3]) if status[:3].isdecimal() else None


class _RequestId:
    """The attribute `request_id` of `flask.g`, made when it is read.

    The ID is not kept on `g`, which a request made within another one shares with it. A value that
    the application sets takes precedence, as this is no data descriptor.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def __get__(self, variables: object, owner: type | None = None) -> object:
        if variables is None:
            return self
        block = current_block()
        if block is not None and block.carried.request_id is not None:
            return block.carried.request_id
        if not has_request_context():
            raise AttributeError("request_id")
        return self._capture.request_id()
