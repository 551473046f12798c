"""The request or job that the code runs in: its capture, its ID, and what goes along from it."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar, cast

from flask import current_app, has_app_context, has_request_context

from flask_chest.capture.carried import NOTHING, Carried, carrying, current_block
from flask_chest.capture.globals import is_shown
from flask_chest.capture.job import Place
from flask_chest.capture.request_ids import is_well_formed
from flask_chest.capture.response_body import streaming_request_id
from flask_chest.capture.trace_context import trace_headers, trace_id
from flask_chest.errors import ChestError
from flask_chest.runtime import flask_proxies

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.app_state import AppState
    from flask_chest.capture.middleware import Capture
    from flask_chest.capture.request_state import RequestState

KEY: Final = "flask_chest"
"""Key of the state in `app.extensions`."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def current_capture() -> Capture | None:
    """Return the capture of the current request; None outside of one, or without FlaskChest."""
    if not has_request_context():
        return None
    state: AppState | None = current_app.extensions.get(KEY)
    return state.capture if state is not None else None


def current_state() -> RequestState | None:
    """Return the state of the request, or of the decorated job, that `flask.g` belongs to."""
    block = current_block()
    if block is not None and block.state is not None:
        try:
            if is_shown(block.state.globals, flask_proxies.g()):
                return block.state
        except RuntimeError:  # no `flask.g` here
            pass
    capture = current_capture()
    return capture.current_state() if capture is not None else None


def current_request_id() -> str | None:
    """Return the ID of the current request, tracked or not, or of the current job.

    None outside of both. Code that streams the body of a tracked request has the ID, too, with or
    without `flask.stream_with_context`.
    """
    block = current_block()
    if block is not None:
        return block.carried.request_id
    capture = current_capture()
    return capture.request_id() if capture is not None else streaming_request_id()


def carried_now() -> Carried:
    """Return what goes along from the current request or job; nothing outside of both."""
    block = current_block()
    if block is not None:
        return block.carried
    capture = current_capture()
    if not has_request_context():
        request_id = streaming_request_id()
        return NOTHING if request_id is None else Carried(request_id)
    headers = flask_proxies.request().headers
    return Carried(
        capture.request_id() if capture is not None else None,
        trace_id(flask_proxies.request().environ),
        capture.header if capture is not None else "",
        trace_headers({name: headers.get(name) for name in ("traceparent", "tracestate")}),
    )


def place_of_job(state: AppState) -> Place:
    """Return where a job of an application runs that begins now.

    Raises:
        ChestError: The application is gone.
    """
    app = state.app()
    if app is None:
        raise ChestError("The application of this job is gone. Keep it, and call init_app(app)")
    around, is_opted_out = NOTHING, False
    try:
        around = carried_now()
        opts_out = state.capture.opts_out
        if opts_out is not None and has_request_context():
            is_opted_out = opts_out(flask_proxies.request())
    except Exception as error:  # noqa: BLE001 - a fault of capture must not cost the job
        state.recorder.report_fault(error)
    return Place(app, state.capture, around, is_opted_out)


def carried_by(state: AppState, headers: Mapping[str, object]) -> Carried:
    """Return what came along in headers, or else what is there now.

    Args:
        state: That of the application whose names of headers are looked for.
        headers: Texts, or bytes, as some queues give them. What is not well-formed is passed over.
    """
    around = carried_now()
    given = {
        str(name).lower(): value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in headers.items()
    }
    found = [given.get(name.lower()) for name in state.options.request_id_header]
    trace = trace_headers(given)
    return Carried(
        next((str(each) for each in found if is_well_formed(each)), around.request_id),
        trace_id({"HTTP_TRACEPARENT": trace["traceparent"]}) if trace else around.trace_id,
        state.capture.header,
        trace or around.trace_headers,
        state.app,
    )


def with_request_id(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Return a function that has the request ID and the trace of the code that calls this now.

    For an executor or a thread, which is no part of the request or job that starts it::

        executor.submit(with_request_id(work), order)

    The jobs of the function, its log lines and its `outbound_headers` have that ID. In the same
    process, its jobs belong to the application that is current now. `flask.g` and `flask.request`
    do not go along.

    Args:
        function: Sync or async. In another process, both can be pickled if `function` is sync.
    """
    carried = replace(carried_now(), application=_current_application())
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def carrying_async(*args: Parameters.args, **kwargs: Parameters.kwargs) -> object:
            with carrying(carried):
                return await function(*args, **kwargs)

        return cast("Callable[Parameters, Result]", carrying_async)
    return functools.update_wrapper(functools.partial(_call, carried, function), function)


def _current_application() -> Callable[[], Flask | None] | None:
    """Return what finds the current application, without keeping it alive."""
    if has_app_context():
        return weakref.ref(flask_proxies.app())
    block = current_block()
    return block.carried.application if block is not None else None


def _call(
    carried: Carried,
    function: Callable[Parameters, Result],
    /,
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Result:
    with carrying(carried):
        result = function(*args, **kwargs)
    if inspect.iscoroutine(result):  # another decorator hides that the function is asynchronous
        return cast("Result", _awaited(carried, result))
    return result


async def _awaited(carried: Carried, coroutine: Coroutine[object, object, object]) -> object:
    with carrying(carried):
        return await coroutine
