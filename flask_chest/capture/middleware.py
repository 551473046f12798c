"""Captures one record for each tracked request, whatever becomes of the request.

A middleware around `app.wsgi_app` follows a request from its start until the last of its response
is about to leave. It learns the rest while Flask's request context is there: when a tracked view
is called, when Flask starts the response, or when an exception is not handled. An untracked
request costs it a few attribute accesses.

A teardown function would be the obvious place to complete the record, but Flask calls it once or
twice for a streamed body, depending on its version, again for every copied context, and not at
all when another teardown function raises.
"""

from __future__ import annotations

import itertools
import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from flask import got_request_exception, has_request_context
from pydantic_core import from_json
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wsgi import ClosingIterator

from flask_chest import record
from flask_chest.capture import suppression
from flask_chest.capture.request_state import Tracked
from flask_chest.capture.response_body import Body, is_whole
from flask_chest.capture.trace_context import trace_id
from flask_chest.runtime import flask_proxies, fork
from flask_chest.runtime.log import raised

if TYPE_CHECKING:
    from _typeshed import OptExcInfo as ExceptionInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask, Request

    from flask_chest.capture.record_line import Lines
    from flask_chest.capture.request_ids import RequestIds
    from flask_chest.capture.rules import Plan, Rules
    from flask_chest.capture.sampling import Sampling
    from flask_chest.capture.track_rule import TrackRule
    from flask_chest.encode.variables import VariableFilter
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_keys = itertools.count(1)

_MISSING: Final = object()
_STATUSES: Final = {f"{code} {name.upper()}": code for code, name in HTTP_STATUS_CODES.items()}
_name: Final = itemgetter(0)


class Capture:
    """Follows the requests of one application.

    Args:
        header: Response header that carries the request ID; empty for none.
        raise_errors: Whether a mistake in capture raises instead of being logged.
        rules: What is taken from which request.
        ids: Gives request IDs.
        variables: The filter.
        lines: Makes the line of JSON.
        sampling: Decides which records are kept.
        opts_out: Tells that a request is not to be recorded; None when none can.
        enrich: Calls the hook `chest_filter_variables`; None when no plugin implements it.
        write: Takes the finished record as one line of JSON.
        awake: Called with the first request of a process; False to be called with the next, too.
        counters: Counts what goes wrong.
        throttle: Logs what goes wrong.
    """

    def __init__(
        self,
        *,
        header: str,
        raise_errors: bool,
        rules: Rules,
        ids: RequestIds,
        variables: VariableFilter,
        lines: Lines,
        sampling: Sampling,
        opts_out: Callable[[Request], bool] | None,
        enrich: Callable[[dict[str, object], Request], None] | None,
        write: Callable[[bytes], object],
        awake: Callable[[], bool],
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        # One environ may pass through several applications, each with a key of its own.
        self.key = f"flask_chest.{next(_keys)}"
        self.header = header
        self._raise_errors = raise_errors
        self._rules = rules
        self._ids = ids
        self._variables = variables
        self._lines = lines
        self._sampling = sampling
        self._opts_out = opts_out
        self._enrich = enrich
        self.write = write
        self._awake = awake
        self.is_awake = False
        self._counters = counters
        self._throttle = throttle

    def install(self, app: Flask) -> None:
        """Attach to an application that has not served a request yet."""
        if self._rules.track_all:
            # Else a view that exits the process is seen only when it is decorated.
            app.url_value_preprocessor(self._matched)
        got_request_exception.connect(self._raised, app)
        app.app_ctx_globals_class = type(  # type: ignore[assignment]
            "ChestGlobals", (app.app_ctx_globals_class,), {"request_id": _RequestId(self)}
        )
        app.wsgi_app = self._middleware(app.wsgi_app)  # type: ignore[assignment,method-assign]

    # -- What Flask and the server tell us ---------------------------------------------------

    def _middleware(self, application: WSGIApplication) -> WSGIApplication:  # noqa: C901 - in one place
        # What runs for every request is written out here, and kept in local names: a call takes as
        # long as ten lines without one.
        key, plans = self.key, self._rules.plans
        current_request, clock_ns, loaded = flask_proxies.request, time.perf_counter_ns, sys.modules
        header, header_lower = self.header, self.header.lower()

        def serve(  # noqa: C901 - as above
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            if not self.is_awake:
                self.is_awake = self._awake()
            tracked = environ[key] = Tracked()
            tracked.clock_ns = clock_ns()
            tracked.plan = tracked.request = tracked.request_id = None

            def start(
                status: str,
                headers: list[tuple[str, str]],
                exc_info: ExceptionInfo | None = None,
                /,
            ) -> Callable[[bytes], object]:
                if (served := tracked.request) is None:
                    try:
                        served = current_request()
                    except RuntimeError:  # another middleware answers
                        pass
                    else:
                        rule = served.url_rule
                        if rule is None or plans.get((rule.endpoint, served.method), True):
                            self.look_at(tracked, served)
                        served = tracked.request
                if served is not None and (
                    "HTTP_TRACEPARENT" in served.environ or "opentelemetry.trace" in loaded
                ):
                    tracked.trace_id = trace_id(served.environ)
                if (request_id := tracked.request_id) is not None:
                    tracked.status = _STATUSES.get(status) or _code(status)
                    tracked.headers = headers
                    if header:
                        if header_lower in "\n".join(map(_name, headers)).lower():
                            # The application's own; but the client must see the record's.
                            headers[:] = [
                                each for each in headers if each[0].lower() != header_lower
                            ]
                        headers.append((header, request_id))
                return start_response(status, headers, exc_info)

            try:
                body = application(environ, start)
            except BaseException as error:
                # The server answers, or the process ends: the application has sent nothing.
                tracked.status = None
                self._finish(tracked, error)
                raise
            if tracked.request is not None:
                if isinstance(body, ClosingIterator) and not is_whole(body):
                    return Body(body, tracked, self._finish)
                self._finish(tracked, tracked.error)
            return body

        return serve

    def _matched(self, _endpoint: str | None, _values: dict[str, Any] | None) -> None:
        self._here()

    def _raised(self, _app: Flask, exception: BaseException) -> None:
        tracked = self._here()
        if tracked is not None:
            tracked.error = exception
            tracked.trace_id = trace_id(flask_proxies.request().environ)

    def called(self, rule: TrackRule) -> None:
        """Hear that a tracked view is about to run."""
        self._here(rule)

    def request_id(self) -> str:
        """Return the ID of the current request, tracked or not, and make it when it has none."""
        served = flask_proxies.request()
        tracked = self._known(served)
        if tracked.request_id is None:
            self.look_at(tracked, served)
        if tracked.request_id is None:
            # Already there for whoever asks while it is made, as a log line of a generator does.
            tracked.request_id = record.uuid7()
            tracked.request_id = self._ids.make(served, None, tracked.request_id)
        return tracked.request_id

    def tracked(self) -> Tracked:
        """Return what is known of the current request."""
        return self._known(flask_proxies.request())

    def _known(self, served: Request) -> Tracked:
        tracked: Tracked | None = served.environ.get(self.key)
        if tracked is None:  # no server pushed it
            tracked = served.environ[self.key] = Tracked()
            tracked.clock_ns = time.perf_counter_ns()
        return tracked

    # -- From request to record --------------------------------------------------------------

    def _here(self, track_rule: TrackRule | None = None) -> Tracked | None:
        """Look at the current request; None when no server pushed it, as in a shell or a test."""
        served = flask_proxies.request()
        tracked: Tracked | None = served.environ.get(self.key)
        if tracked is not None:
            self.look_at(tracked, served, track_rule)
        return tracked

    def look_at(
        self, tracked: Tracked, served: Request, track_rule: TrackRule | None = None
    ) -> None:
        """Find out whether a request is tracked, while its context is there."""
        if tracked.plan is not None:
            return
        try:
            rule, method = served.url_rule, served.method
            endpoint = rule.endpoint if rule is not None else None
            plan = self._rules.plans.get((endpoint, method))
            if plan is None:
                plan = self._rules.plan(endpoint, method)
            if plan is None and track_rule is not None:
                plan = self._rules.plan_of_hidden(track_rule, endpoint, method)
            if plan is None:
                return
            now = time.time_ns() // 1_000
            tracked.plan = plan
            tracked.generation = fork.generation
            tracked.started_us = now - (time.perf_counter_ns() - tracked.clock_ns) // 1_000
            tracked.identity = identity = record.uuid7(now)
            tracked.request = served
            tracked.globals = flask_proxies.variables()
            if tracked.request_id is None:
                # Already there for whoever asks while it is made.
                tracked.request_id = identity
                if plan.generator is not None or self._ids.has_source(served.environ):
                    tracked.request_id = self._ids.make(served, plan.generator, identity)
            if self._opts_out is not None and self._opts_out(served):
                tracked.is_suppressed = True
            if suppression.blocks and suppression.is_within_block(tracked):
                tracked.is_suppressed = True
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the request
            self._failed(error)

    def _finish(self, tracked: Tracked, error: BaseException | None) -> None:
        """Complete and write the record, once; later calls do nothing."""
        served, plan = tracked.request, tracked.plan
        if served is None or plan is None:
            return
        tracked.request = None  # which also breaks the cycle through its environ
        if tracked.generation != fork.generation:
            return  # a view has forked, and its child leaves the view too
        try:
            if tracked.is_suppressed:
                self._counters.add("suppressed")
                return
            duration_ns = time.perf_counter_ns() - tracked.clock_ns
            weight, variables = 1.0, None
            if plan.sample_rate < 1.0 or self._sampling.is_limited:
                weight, variables = self._weigh(tracked, plan, served, error, duration_ns)
                if not weight:
                    self._counters.add("sampled_out")
                    return
            if variables is None:
                if self._enrich is None and not tracked.hidden:
                    variables = self._variables.take(tracked.globals.__dict__, plan.patterns)
                else:
                    variables = self._chosen(tracked, plan, served)
            self.write(
                self._lines.line(tracked, plan, served, error, duration_ns, weight, variables)
            )
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not cost the request
            self._counters.add("dropped", "capture")
            self._failed(fault)
        finally:
            tracked.globals = tracked.hidden = None

    def _weigh(
        self,
        tracked: Tracked,
        plan: Plan,
        served: Request,
        error: BaseException | None,
        duration_ns: int,
    ) -> tuple[float, Mapping[str, record.JsonValue] | None]:
        """Return how many requests a record stands for, 0.0 when it is not kept.

        And its variables, when the application's rule has looked at them.
        """
        sampling, variables = self._sampling, None
        weight = sampling.share(
            plan.sample_rate,
            trace_id=tracked.trace_id,
            request_id=tracked.request_id or tracked.identity,
            status=tracked.status,
            is_error=error is not None,
            duration_ms=duration_ns / 1e6,
        )
        if not weight and sampling.has_rule:
            variables = self._chosen(tracked, plan, served)
            line = self._lines.line(tracked, plan, served, error, duration_ns, 1.0, variables)
            weight = sampling.ruled(from_json(line))
        return sampling.limited(weight), variables

    def _chosen(
        self, tracked: Tracked, plan: Plan, served: Request
    ) -> Mapping[str, record.JsonValue]:
        variables, hidden = tracked.globals.__dict__, tracked.hidden
        if hidden:
            variables = {
                name: value
                for name, value in dict(variables).items()
                if hidden.get(name, _MISSING) is not value
            }
        if (enrich := self._enrich) is None:
            return self._variables.take(variables, plan.patterns)
        return self._variables.take(variables, plan.patterns, lambda chosen: enrich(chosen, served))

    def _failed(self, error: Exception) -> None:
        self._counters.add("capture_errors")
        self._throttle.log(logging.ERROR, "capture", f"Capture failed: {raised(error)}")
        if self._raise_errors:
            raise error


def _code(status: str) -> int | None:
    return int(status[:3]) if status[:3].isdecimal() else None


class _RequestId:
    """The attribute `request_id` of `flask.g`, made when it is read.

    It is not kept on `g`, which a request made within another shares with that one. A value that
    the application sets hides it, as this is no data descriptor.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def __get__(self, variables: object, owner: type | None = None) -> object:
        if variables is None:
            return self
        if not has_request_context():
            raise AttributeError("request_id")
        return self._capture.request_id()
