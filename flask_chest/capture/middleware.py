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
from collections.abc import Callable, Iterable
from contextvars import copy_context
from gc import is_tracked
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from flask import got_request_exception, has_request_context
from werkzeug.http import HTTP_STATUS_CODES

from flask_chest import record
from flask_chest.capture import suppression
from flask_chest.capture.carried import current_block
from flask_chest.capture.facts import counted_write
from flask_chest.capture.globals import SlottedGlobals, is_shown, slots_of
from flask_chest.capture.request_state import RequestState, UnfollowedState
from flask_chest.capture.response_body import OpenBodies
from flask_chest.capture.rules import NO_PLAN, TOO_LATE
from flask_chest.capture.served import is_served
from flask_chest.capture.trace_context import trace_id
from flask_chest.capture.unfollowed import Unfollowed
from flask_chest.runtime import flask_proxies, fork
from flask_chest.runtime.clock import MAX_US, SAME_TIME_NS, clock

if TYPE_CHECKING:
    from _typeshed import OptExcInfo as ExceptionInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask, Request

    from flask_chest.capture.recorder import Recorder
    from flask_chest.capture.request_ids import RequestIds
    from flask_chest.capture.rules import Rules
    from flask_chest.capture.track_rule import TrackRule

_CONTAINERS: Final = frozenset((list, dict, tuple, set))

_block_owner: Final = suppression.block_owner.get

_name: Final = itemgetter(0)

_application_numbers: Final = itertools.count(1)

# A look-up takes a fifth of what reading the number from the text takes.
_STATUS_CODES: Final = {f"{code} {name.upper()}": code for code, name in HTTP_STATUS_CODES.items()}


class Capture:
    """Finds the tracked requests of one application, and begins their records.

    Args:
        app: The application. Requests of others that pass by are none of this one's.
        header: Response header that carries the request ID; empty for none.
        rules: What is taken from which request.
        ids: Gives request IDs.
        opts_out: True for a request that asks not to be recorded; None when none can.
        excludes_path: True for a request that is excluded by its path; None when none is.
        recorder: Completes the records.
        start_delivery: Called with the first request or job of a process. When it returns False, it
            is called again with the next one.
    """

    def __init__(
        self,
        *,
        app: Flask,
        header: str,
        rules: Rules,
        ids: RequestIds,
        opts_out: Callable[[Request], bool] | None,
        excludes_path: Callable[[Request], bool] | None = None,
        recorder: Recorder,
        start_delivery: Callable[[], bool],
    ) -> None:
        # One environ may pass through several applications, each with a key of its own.
        self.key = f"flask_chest.{next(_application_numbers)}"
        self.app = app
        self.header = header
        self._header_lower = header.lower()
        self.rules = rules
        self._ids = ids
        self.opts_out = opts_out
        self._excludes_path = excludes_path
        self.recorder = recorder
        self.start_delivery = start_delivery
        self.is_delivery_started = False
        self.open_bodies = OpenBodies()
        self._slots = slots_of(app.app_ctx_globals_class)
        self._unfollowed = Unfollowed(self)

    def install(self) -> None:
        """Attach to the application, which has not served a request yet."""
        app = self.app
        if self.rules.track_all:
            # Else a view that exits the process is seen only when it is decorated.
            app.url_value_preprocessor(self._on_url_matched)
        got_request_exception.connect(self._on_exception, app)
        app.app_ctx_globals_class = type(  # type: ignore[assignment]
            "ChestGlobals", (app.app_ctx_globals_class,), {"request_id": _RequestId(self)}
        )
        app.wsgi_app = Middleware(app.wsgi_app, self).serve  # type: ignore[method-assign]

    # -- The current request -----------------------------------------------------------------

    def current_state(self) -> RequestState:
        """Return the state of the current request."""
        return self._state_of(flask_proxies.request())

    def current_variables(self) -> object:
        """Return what has the variables of the current `flask.g` in its `__dict__`."""
        variables = flask_proxies.g()
        return SlottedGlobals(variables, self._slots) if self._slots else variables

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
        if state is None:  # past the middleware; or no server pushed the context, as in a shell
            state = request.environ[self.key] = UnfollowedState()
            state.clock_ns = clock.monotonic_ns()
        return state

    # -- When a record begins ----------------------------------------------------------------

    def begin_unfollowed(
        self, request: Request, track_rule: TrackRule | None = None
    ) -> RequestState:
        """Begin the record of a request that may have reached Flask past the middleware.

        Args:
            request: The current request, one of this application.
            track_rule: That of the view that is about to run, or None.
        """
        state = self._state_of(request)
        self.begin_record(state, request, track_rule)
        if isinstance(state, UnfollowedState) and state.request is not None:
            self._unfollowed.attach(state)
        return state

    def _on_url_matched(self, _endpoint: str | None, _values: dict[str, Any] | None) -> None:
        self._on_own_request()

    def _on_exception(self, _app: object, exception: BaseException | None = None, **_: Any) -> None:  # noqa: ANN401 - a signal may be sent with anything
        state = self._on_own_request()
        if state is None or not isinstance(exception, BaseException):
            return
        state.error = exception
        if state.request is not None:  # it may go on to the server, past the start of a response
            state.context = copy_context()
            state.resolved = flask_proxies.resolved(state.globals.__dict__)

    def _on_own_request(self) -> RequestState | None:
        """Begin the record of the current request; None when it is not this application's."""
        try:
            request, app = flask_proxies.request(), flask_proxies.app()
        except RuntimeError:  # a signal is sent by hand, outside of any request
            return None
        return self.begin_unfollowed(request) if app is self.app else None

    def begin_record(
        self, state: RequestState, request: Request, track_rule: TrackRule | None = None
    ) -> None:
        """Begin the record of a request that is tracked. Later calls do nothing.

        Args:
            state: Of the request.
            request: The Flask request, whose context is active.
            track_rule: The `@chest.track` of the view that is about to run, or None.
        """
        if state.plan is not None and (request is state.request or not self._starts_over(state)):
            return
        try:
            rule, method = request.url_rule, request.method
            endpoint = rule.endpoint if rule is not None else None
            plan = self.rules.plans.get((endpoint, method))
            if plan is None:
                plan = self.rules.plan(endpoint, method, track_rule)
            if (
                plan is None
                or (rule is None and not is_served(request))
                or (self._excludes_path and self._is_excluded(state, request))
            ):
                return
            state.plan = plan
            state.generation = fork.generation
            before = clock.monotonic_ns()
            now = clock.time_ns() // 1_000
            if clock.monotonic_ns() - before > SAME_TIME_NS:
                now, before = clock.both()
            elapsed_us = (before - state.clock_ns) // 1_000
            if not elapsed_us <= now <= MAX_US:  # a clock before 1970, or after all dates
                now = clock.unix_us()
                elapsed_us = min(elapsed_us, now)
            state.started_us = now - elapsed_us
            state.identity = identity = record.uuid7(now)
            variables = flask_proxies.g()
            state.globals = SlottedGlobals(variables, self._slots) if self._slots else variables
            if state.request_id is None:
                # Set first: a generator that logs may ask for the ID while it makes it.
                state.request_id = identity
                if plan.generator is not None or self._ids.has_source(request.environ):
                    state.request_id = self._ids.make(request, plan.generator, identity)
            block_owner = _block_owner()
            if (block_owner is not None and block_owner is not state) or (
                self.opts_out is not None and self.opts_out(request)
            ):
                state.is_dropped = True
            state.resolved = state.trace_id = None
            path, mount = request.path, request.root_path
            # As the client sent it, who does not know of mounts.
            path = mount + (path if request.environ.get("PATH_INFO") else "") if mount else path
            state.subject = (endpoint, None if rule is None else rule.rule, method, path)
            state.request = request
        except Exception as error:  # noqa: BLE001 - a fault of capture must not cost the request
            state.plan = NO_PLAN  # no second attempt, which would count the same request again
            self.recorder.report_loss(error)

    @staticmethod
    def _starts_over(state: RequestState) -> bool:
        """Return whether a middleware inside sends a request to the application a second time.

        What was known of the first time is forgotten then. Else a context of its own was pushed in
        the view, and shares `flask.g` with it.
        """
        if state.request is None or is_shown(state.globals, flask_proxies.g()):
            return False
        state.context = state.error = state.hidden = state.resolved = state.status = None
        state.plan = state.request = state.subject = None
        return True

    def respond(self, state: RequestState, status: str, headers: list[tuple[str, str]]) -> None:
        """Keep what the record needs of a response, and add the header with the request ID."""
        state.status = _STATUS_CODES.get(status) or _status_code(status)
        state.headers = headers
        request, own = state.request, self._header_lower
        if own:
            if own in "\n".join(map(_name, headers)).lower():
                # The application's: the client must see the ID of the record.
                headers[:] = [each for each in headers if each[0].lower() != own]
            headers.append((self.header, state.request_id or ""))
        if request is None:
            return
        # The rest can only be had while the context of a tracked request is there.
        if "HTTP_TRACEPARENT" in request.environ or "opentelemetry.trace" in sys.modules:
            state.trace_id = trace_id(request.environ)
        state.context = copy_context()
        # The garbage collector tracks no dict of scalars, and no scalar, in which no proxy can be.
        # To ask it takes 160 instructions for 3 variables and 4,700 for 20; to ask each value for
        # its type, 2,300 and 6,500.
        if is_tracked(variables := state.globals.__dict__):
            try:
                for value in filter(is_tracked, variables.values()):
                    if type(value) not in _CONTAINERS:
                        break
                else:
                    return
            except RuntimeError:  # another thread has put something on `g`
                pass
            # Now, while a proxy such as `current_user` may ask a database.
            state.resolved = flask_proxies.resolved(variables)

    def _is_excluded(self, state: RequestState, request: Request) -> bool:
        """Return whether a request is excluded by its path, and count it."""
        is_excluded = self._excludes_path is not None and self._excludes_path(request)
        if is_excluded:
            self.recorder.exclude(state, "path")
        return is_excluded


class Middleware:
    """The WSGI middleware of one application."""

    def __init__(self, application: WSGIApplication, capture: Capture) -> None:
        self._application = application
        self._app = capture.app
        self._capture = capture
        self._key = capture.key
        self._plans = capture.rules.plans
        self._finish = capture.recorder.finish

    def serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        capture = self._capture
        if not capture.is_delivery_started:
            capture.is_delivery_started = capture.start_delivery()
        state = environ[self._key] = RequestState()
        state.clock_ns = clock.monotonic_ns()
        # Read for each request: an attribute of the class takes 280 instructions, and not 80.
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
                    # Not a request around this one, whose view calls the application; and not that
                    # of an application that is mounted in this one.
                    state.is_decided = (
                        request.environ is environ or request.environ.get(self._key) is state
                    ) and (
                        # An application may take its rules from a map of its own.
                        (rule is not None and rule.map is self._app.url_map)
                        or flask_proxies.app() is self._app
                    )
                    if state.is_decided and (
                        rule is None or self._plans.get((rule.endpoint, request.method), True)
                    ):
                        capture.begin_record(state, request)
            if state.request_id is not None:
                capture.respond(state, status, headers)
            write = start_response(status, headers, exc_info)
            plan = state.plan
            return write if plan is None or plan.facts is None else counted_write(write, state)

        try:
            body = self._application(environ, start)
        except BaseException as error:
            # The server answers, or the process ends: the application has sent nothing.
            state.status = None
            self._finish(state, None if _is_handed_over(error, environ) else error)
            raise
        if state.request is None and state.is_decided:
            state.plan = TOO_LATE
            return body
        return capture.open_bodies.follow(body, environ, state, self._finish)


def _is_handed_over(error: BaseException, environ: WSGIEnvironment) -> bool:
    """Return whether an exception tells the server that the connection is not its own any more.

    flask-sock ends a WebSocket like this: with StopIteration under gunicorn, and with
    ConnectionError under werkzeug.
    """
    if isinstance(error, StopIteration):
        return True
    is_websocket = environ.get("HTTP_UPGRADE", "").lower() == "websocket"
    return is_websocket and isinstance(error, ConnectionError)


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
