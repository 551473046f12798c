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
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import got_request_exception, has_request_context
from werkzeug.wsgi import ClosingIterator

from flask_chest import current, fork, record, request_id
from flask_chest.values import MAX_TEXT, clean_text

if TYPE_CHECKING:
    from _typeshed import OptExcInfo as ExceptionInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask, Request

    from flask_chest.filter import VariableFilter
    from flask_chest.log import Throttle
    from flask_chest.plans import Plan, Plans
    from flask_chest.request_id import RequestIds
    from flask_chest.stats import Counters
    from flask_chest.track import Mark

_keys = itertools.count(1)


class Tracked:
    """One request on its way through the application.

    `request` is None until it is known that the request is tracked, and again once its record is
    complete. `generation` tells the process in which it began, which alone
    records it. `identity` is the record's ID; `length` is the announced one of the body in bytes.
    """

    error: BaseException | None = None
    generation: int = 0
    globals: Any = None
    identity: str = ""
    length: int | None = None
    plan: Plan | None = None
    request: Request | None = None
    request_id: str | None = None
    status: int | None = None

    def __init__(self) -> None:
        self.started_ns = time.time_ns()
        self.clock_ns = time.perf_counter_ns()


class Capture:
    """Follows the requests of one application.

    Args:
        service: The field `service` of every record.
        header: Response header that carries the request ID; empty for none.
        raise_errors: Whether a mistake in capture raises instead of being logged.
        plans: What is taken from which request.
        ids: Gives request IDs.
        variables: The filter.
        enrich: Calls the hook `chest_filter_variables`; None when no plugin implements it.
        write: Takes the finished record as one line of JSON.
        awake: Called with the first request of a process; False to be called with the next, too.
        counters: Counts what goes wrong.
        throttle: Logs what goes wrong.
    """

    def __init__(
        self,
        *,
        service: str,
        header: str,
        raise_errors: bool,
        plans: Plans,
        ids: RequestIds,
        variables: VariableFilter,
        enrich: Callable[[dict[str, object], Request], None] | None,
        write: Callable[[bytes], None],
        awake: Callable[[], bool],
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        # One environ may pass through several applications, each with a key of its own.
        self.key = f"flask_chest.{next(_keys)}"
        self._service = service
        self._header = header
        self._header_lower = header.lower()
        self._raise_errors = raise_errors
        self._plans = plans
        self._ids = ids
        self._variables = variables
        self._enrich = enrich
        self._write = write
        self._awake = awake
        self.is_awake = False
        self._counters = counters
        self._throttle = throttle

    def install(self, app: Flask) -> None:
        """Attach to an application that has not served a request yet."""
        if self._plans.are_app_wide:
            # Else a view that exits the process is seen only when it is decorated.
            app.url_value_preprocessor(self._matched)
        got_request_exception.connect(self._raised, app)
        app.app_ctx_globals_class = type(  # type: ignore[assignment]
            "ChestGlobals", (app.app_ctx_globals_class,), {"request_id": _RequestId(self)}
        )
        app.wsgi_app = self._middleware(app.wsgi_app)  # type: ignore[assignment,method-assign]

    # -- What Flask and the server tell us ---------------------------------------------------

    def _middleware(self, application: WSGIApplication) -> WSGIApplication:
        key = self.key

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if not self.is_awake:
                self.is_awake = self._awake()
            tracked = environ[key] = Tracked()

            def start(
                status: str,
                headers: list[tuple[str, str]],
                exc_info: ExceptionInfo | None = None,
                /,
            ) -> Callable[[bytes], object]:
                if tracked.request is None and has_request_context():
                    self._look_at(tracked, current.request())
                if tracked.request_id is not None:
                    tracked.status = int(status[:3]) if status[:3].isdecimal() else None
                    self._read_headers(tracked, headers)
                return start_response(status, headers, exc_info)

            try:
                body = application(environ, start)
            except BaseException as error:
                # The server answers, or the process ends: the application has sent nothing.
                tracked.status = None
                self._finish(tracked, error)
                raise
            if tracked.request is None:
                return body
            if isinstance(body, ClosingIterator):
                return _Body(body, tracked, self._finish)
            self._finish(tracked, tracked.error)  # empty, or a file that the server sends itself
            return body

        return serve

    def _matched(self, _endpoint: str | None, _values: dict[str, Any] | None) -> None:
        self._here()

    def _raised(self, _app: Flask, exception: BaseException) -> None:
        tracked = self._here()
        if tracked is not None:
            tracked.error = exception

    def called(self, mark: Mark) -> None:
        """Hear that a tracked view is about to run."""
        self._here(mark)

    def request_id(self) -> str:
        """Return the ID of the current request, tracked or not, and make it when it has none."""
        served = current.request()
        tracked: Tracked = served.environ.setdefault(self.key, Tracked())
        if tracked.request_id is None:
            self._look_at(tracked, served)
        if tracked.request_id is None:
            tracked.request_id = self._ids.make(served, None, record.uuid7())
        return tracked.request_id

    # -- From request to record --------------------------------------------------------------

    def _here(self, mark: Mark | None = None) -> Tracked | None:
        """Look at the current request; None when no server pushed it, as in a shell or a test."""
        served = current.request()
        tracked: Tracked | None = served.environ.get(self.key)
        if tracked is not None:
            self._look_at(tracked, served, mark)
        return tracked

    def _look_at(self, tracked: Tracked, served: Request, mark: Mark | None = None) -> None:
        """Find out whether a request is tracked, while its context is there."""
        if tracked.plan is not None:
            return
        try:
            rule = served.url_rule
            endpoint = rule.endpoint if rule is not None else None
            plan = self._plans.of_endpoint(endpoint, served.method)
            if plan is None and mark is not None:
                plan = self._plans.of_call(mark, endpoint, served.method)
            if plan is None:
                return
            tracked.plan = plan
            tracked.generation = fork.generation
            tracked.identity = record.uuid7()
            tracked.request = served
            tracked.globals = current.variables()
            if tracked.request_id is None:
                tracked.request_id = self._ids.make(served, plan.generator, tracked.identity)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the request
            self._failed(error)

    def _read_headers(self, tracked: Tracked, headers: list[tuple[str, str]]) -> None:
        """Note the length of the body, and put the request ID among the response's headers."""
        missing = self._header != ""
        for number, (name, value) in enumerate(headers):
            lower = name.lower()
            if lower == "content-length" and value.isdecimal():
                tracked.length = int(value)
            elif lower == self._header_lower and tracked.request_id is not None:
                # The application set one, but the client must see the one in the record.
                headers[number] = (name, tracked.request_id)
                missing = False
        if missing and tracked.request_id is not None:
            headers.append((self._header, tracked.request_id))

    def _finish(self, tracked: Tracked, error: BaseException | None) -> None:
        """Complete and write the record, once; later calls do nothing."""
        served, plan = tracked.request, tracked.plan
        if served is None or plan is None:
            return
        tracked.request = None  # which also breaks the cycle through its environ
        if tracked.generation != fork.generation:
            return  # a view has forked, and its child leaves the view too
        try:
            self._write(record.encode(self._record(tracked, plan, served, error)))
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not cost the request
            self._counters.add("dropped", "capture")
            self._failed(fault)
        finally:
            tracked.globals = None

    def _record(
        self, tracked: Tracked, plan: Plan, served: Request, error: BaseException | None
    ) -> record.RecordData:
        duration_ns = time.perf_counter_ns() - tracked.clock_ns
        rule = served.url_rule
        return {
            "id": tracked.identity,
            "request_id": tracked.request_id or tracked.identity,
            "trace_id": request_id.trace_id(served.environ.get("HTTP_TRACEPARENT")),
            "service": self._service,
            "instance": record.instance(),
            "endpoint": rule.endpoint if rule is not None else None,
            "route": rule.rule if rule is not None else None,
            "method": clean_text(served.method, 32),
            "path": clean_text(served.path, MAX_TEXT),
            "status_code": tracked.status,
            "error": _class_name(error),
            "started_at": record.timestamp(tracked.started_ns),
            "duration_ms": duration_ns / 1e6,
            "weight": 1.0,
            "variables": self._chosen(tracked.globals, plan, served),
        }

    def _chosen(
        self, variables: object, plan: Plan, served: Request
    ) -> dict[str, record.JsonValue]:
        chosen = self._variables.choose(vars(variables), plan.patterns, served.method)
        if self._enrich is not None:
            self._enrich(chosen, served)
        return self._variables.to_data(chosen, plan.patterns)

    def _failed(self, error: Exception) -> None:
        self._counters.add("capture_errors")
        self._throttle.log(
            logging.ERROR, "capture", f"Capture failed: {type(error).__name__}: {error}", error
        )
        if self._raise_errors:
            raise error


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


def _class_name(error: BaseException | None) -> str | None:
    if error is None:
        return None
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return clean_text(f"{module}{kind.__qualname__}", 255)


class _Body:
    """A response body, whose record is complete before the last of it leaves.

    That is when the announced length is reached, when it ends, when it fails, or when the server
    closes it because the client went away.
    """

    def __init__(
        self,
        body: ClosingIterator,
        tracked: Tracked,
        finish: Callable[[Tracked, BaseException | None], None],
    ) -> None:
        self._body = body
        self._next = body.__next__
        self._tracked = tracked
        self._finish = finish
        self._left = tracked.length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        tracked = self._tracked
        try:
            chunk = self._next()
        except StopIteration:
            self._finish(tracked, tracked.error)
            raise
        except BaseException as error:
            self._finish(tracked, error)
            raise
        if self._left is not None:
            self._left -= len(chunk)
            if self._left <= 0:
                self._finish(tracked, tracked.error)
        return chunk

    def close(self) -> None:
        try:
            self._body.close()
        finally:
            self._finish(self._tracked, self._tracked.error)
