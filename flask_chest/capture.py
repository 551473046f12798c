"""Captures one record for each tracked request, whatever becomes of the request.

A middleware around `app.wsgi_app` follows a request from its start to the moment when Flask has
torn it down and nothing of the response has left yet, or, when the body is streamed, to the end
of the stream. Flask tells it the rest through public API: a URL value preprocessor gives the
endpoint before any `before_request` function runs, an `after_request` function tells whether the
body is streamed, and the signal `got_request_exception` brings the unhandled exception.

A teardown function would be the obvious place to complete the record, but Flask calls it once or
twice for a streamed body, depending on its version, again for every copied context, and not at
all when another teardown function raises.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from flask import got_request_exception

from flask_chest import current, record, request_id
from flask_chest.values import MAX_TEXT, clean_text

if TYPE_CHECKING:
    from _typeshed import OptExcInfo as ExceptionInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask, Request, Response

    from flask_chest.filter import VariableFilter
    from flask_chest.log import Throttle
    from flask_chest.plans import Plan, Plans
    from flask_chest.request_id import RequestIds
    from flask_chest.stats import Counters
    from flask_chest.track import Mark

_keys = itertools.count(1)


class Tracked:
    """One request on its way through the application.

    `request` is None until somebody tracks it, and again once its record is complete.
    """

    __slots__ = (
        "clock_ns",
        "error",
        "globals",
        "is_streamed",
        "outer_id",
        "plan",
        "request",
        "request_id",
        "started_ns",
        "status",
    )

    def __init__(self) -> None:
        self.started_ns = time.time_ns()
        self.clock_ns = time.perf_counter_ns()
        self.plan: Plan | None = None
        self.request: Request | None = None
        self.globals: Any = None
        self.request_id: str | None = None
        self.outer_id: str | None = None
        self.status: int | None = None
        self.is_streamed = False
        self.error: BaseException | None = None


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
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        # One environ may pass through several applications, each with a key of its own.
        self.key = f"flask_chest.{next(_keys)}"
        self._service = service
        self._header = header
        self._raise_errors = raise_errors
        self._plans = plans
        self._ids = ids
        self._variables = variables
        self._enrich = enrich
        self._write = write
        self._counters = counters
        self._throttle = throttle

    def install(self, app: Flask) -> None:
        """Attach to an application that has not served a request yet."""
        app.url_value_preprocessor(self._begin)
        app.after_request(self._answered)
        got_request_exception.connect(self._raised, app)
        app.wsgi_app = self._middleware(app.wsgi_app)  # type: ignore[assignment,method-assign]

    # -- What Flask and the server tell us ---------------------------------------------------

    def _middleware(self, application: WSGIApplication) -> WSGIApplication:
        key = self.key

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            tracked = environ[key] = Tracked()

            def start(
                status: str,
                headers: list[tuple[str, str]],
                exc_info: ExceptionInfo | None = None,
                /,
            ) -> Callable[[bytes], object]:
                tracked.status = int(status[:3])
                if tracked.request_id is not None and self._header:
                    self._echo(headers, tracked.request_id)
                return start_response(status, headers, exc_info)

            try:
                body = application(environ, start)
            except BaseException as error:
                # The server answers, or the process ends: the application has sent nothing.
                tracked.status = None
                self._finish(tracked, error)
                raise
            if tracked.is_streamed:
                return _Stream(body, lambda error: self._finish(tracked, error or tracked.error))
            self._finish(tracked, tracked.error)
            return body

        return serve

    def _begin(self, endpoint: str | None, _values: dict[str, Any] | None) -> None:
        served = current.request()
        tracked: Tracked | None = served.environ.get(self.key)
        if tracked is None:  # a request context that no server pushed, as in a shell or a test
            return
        try:
            plan = self._plans.of_endpoint(endpoint, served.method)
            if plan is not None:
                self._adopt(tracked, plan, served)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the request
            self._failed(error)

    def _answered(self, response: Response) -> Response:
        tracked: Tracked | None = current.request().environ.get(self.key)
        if tracked is not None and tracked.request is not None:
            tracked.is_streamed = _runs_on(response)
        return response

    def _raised(self, _app: Flask, exception: BaseException) -> None:
        tracked: Tracked | None = current.request().environ.get(self.key)
        if tracked is not None:
            tracked.error = exception

    # -- From request to record --------------------------------------------------------------

    def mark(self, mark: Mark) -> None:
        """Track the current request because a view with `mark` is about to run."""
        served = current.request()
        tracked: Tracked | None = served.environ.get(self.key)
        if tracked is None or tracked.plan is not None or tracked.status is not None:
            return
        plan = self._plans.of_call(mark, served.endpoint, served.method)
        if plan is None:
            return
        self._throttle.log(
            logging.WARNING,
            f"hidden {served.endpoint}",
            f"@chest.track on {mark.name} is hidden from the endpoint {served.endpoint!r} by a "
            "decorator above it, or another view calls it: requests that are answered before it "
            "runs are not recorded. Use functools.wraps in that decorator, or put @chest.track "
            "directly under the route",
        )
        try:
            self._adopt(tracked, plan, served)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the request
            self._failed(error)

    def request_id(self, served: Request) -> str:
        """Return the ID of a request, tracked or not, and make it when it has none yet."""
        tracked: Tracked = served.environ.setdefault(self.key, Tracked())
        if tracked.request_id is None:
            tracked.request_id = self._ids.make(served, None)
        return tracked.request_id

    def _adopt(self, tracked: Tracked, plan: Plan, served: Request) -> None:
        tracked.plan = plan
        tracked.request = served
        variables = current.variables()
        tracked.globals = variables
        if tracked.request_id is None:
            tracked.request_id = self._ids.make(served, plan.generator)
        # Set already when a request is made within another: Flask lets the two share `g`.
        tracked.outer_id = variables.__dict__.get("request_id")
        variables.request_id = tracked.request_id

    def _finish(self, tracked: Tracked, error: BaseException | None) -> None:
        """Complete and write the record, once; later calls do nothing."""
        served, plan = tracked.request, tracked.plan
        if served is None or plan is None:
            return
        tracked.request = None
        try:
            self._write(record.encode(self._record(tracked, plan, served, error)))
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not cost the request
            self._counters.add("dropped", "capture")
            self._failed(fault)
        finally:
            if tracked.outer_id is not None:
                tracked.globals.request_id = tracked.outer_id
            tracked.globals = None

    def _record(
        self, tracked: Tracked, plan: Plan, served: Request, error: BaseException | None
    ) -> record.RecordData:
        duration_ns = time.perf_counter_ns() - tracked.clock_ns
        rule = served.url_rule
        identity = record.uuid7()
        status = tracked.status
        return {
            "id": identity,
            "request_id": tracked.request_id or identity,
            "trace_id": request_id.trace_id(served.environ.get("HTTP_TRACEPARENT")),
            "service": self._service,
            "instance": record.instance(),
            "endpoint": rule.endpoint if rule is not None else None,
            "route": rule.rule if rule is not None else None,
            "method": clean_text(served.method, 32),
            "path": clean_text(served.path, MAX_TEXT),
            "status_code": status,
            "error": _class_name(error),
            "started_at": record.timestamp(tracked.started_ns),
            "duration_ms": duration_ns / 1e6,
            "weight": 1.0,
            "variables": self._chosen(tracked, plan, served),
        }

    def _chosen(self, tracked: Tracked, plan: Plan, served: Request) -> dict[str, record.JsonValue]:
        chosen = self._variables.choose(vars(tracked.globals), plan.patterns, served.method)
        if (
            chosen.get("request_id") is tracked.request_id
            and "request_id" not in plan.patterns.names
        ):
            chosen.pop("request_id", None)  # ours, and a field of its own
        if self._enrich is not None:
            self._enrich(chosen, served)
        return self._variables.to_data(chosen, plan.patterns)

    def _echo(self, headers: list[tuple[str, str]], value: str) -> None:
        name = self._header.lower()
        for number, (key, _) in enumerate(headers):
            if key.lower() == name:  # the application set one: the client must see the record's
                headers[number] = (key, value)
                return
        headers.append((self._header, value))

    def _failed(self, error: Exception) -> None:
        self._counters.add("capture_errors")
        self._throttle.log(
            logging.ERROR, "capture", f"Capture failed: {type(error).__name__}: {error}", error
        )
        if self._raise_errors:
            raise error


def _runs_on(response: Response) -> bool:
    """Tell whether code of the application runs while the body of a response is sent.

    Werkzeug also calls its own error pages streamed; their length is known. A file that the
    server sends by itself is passed through directly.
    """
    return (
        response.is_streamed
        and not response.direct_passthrough
        and (response.content_length is None or isinstance(response.response, GeneratorType))
    )


def _class_name(error: BaseException | None) -> str | None:
    if error is None:
        return None
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else (f"{kind.__module__}.{kind.__qualname__}")
    )
    return clean_text(name, 255)


class _Stream:
    """A streamed body, whose record is complete when it ends, fails, or the client goes away."""

    def __init__(
        self, body: Iterable[bytes], finish: Callable[[BaseException | None], None]
    ) -> None:
        self._body = body
        self._chunks = iter(body)
        self._finish = finish

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            self._finish(None)  # before the server tells the client that this was all
            raise
        except BaseException as error:
            self._finish(error)
            raise

    def close(self) -> None:
        """Close the body, then complete the record of a stream that was not read to its end."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._finish(None)
