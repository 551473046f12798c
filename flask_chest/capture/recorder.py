"""Completes the record of a request or a job, and writes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from flask.app import Flask
from pydantic_core import from_json
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from flask_chest.encode.fact_names import RELEASE
from flask_chest.encode.text import clean_text
from flask_chest.runtime import fork
from flask_chest.runtime.clock import clock
from flask_chest.runtime.interrupts import is_interrupt
from flask_chest.runtime.log import raised as place

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.capture.record_line import Lines, Subject
    from flask_chest.capture.request_state import RequestState
    from flask_chest.capture.rules import Plan
    from flask_chest.capture.sampling import Sampling
    from flask_chest.encode.variables import VariableFilter
    from flask_chest.record import JsonValue, RecordData
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_MISSING: Final = object()

_FLASK: Final = getattr(Flask.wsgi_app, "__code__", None)
"""Where Flask catches what nobody has handled."""


def unhandled(error: BaseException | None, status: int | None) -> BaseException | None:
    """Return a reported exception, unless it became a response that the application meant to send.

    Plugins such as Flask-RESTX report each exception that they turn into a response. An exception
    that Flask itself reports has left all views and handlers, whatever its handler for 500 answers.

    Args:
        error: As the signal `got_request_exception` had it.
        status: Status code of the response; None when the application sent none.
    """
    trace = None if error is None else error.__traceback__
    # It begins where the exception was caught.
    if status is None or (trace is not None and trace.tb_frame.f_code is _FLASK):
        return error
    is_meant = status < 500 or (isinstance(error, HTTPException) and error.code == status)
    return None if is_meant else error


def _run(call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - as the call's
    return call(*arguments)


class Recorder:
    """Turns finished requests and jobs into records.

    Args:
        app: The application.
        variables: Chooses variables.
        enrich: Calls the hook `chest_filter_variables`, without a request for a job; None when no
            plugin implements it.
        drops: Calls the hook `chest_drop_record`, without a request for a job; None when no plugin
            implements it.
        sampling: Decides which records are kept.
        excluded_statuses: Status codes whose records are not kept.
        release: The variable `app.release` of every record; empty for none.
        lines: Makes the line of JSON.
        write: Takes the finished record as one line of JSON.
        write_in_tests: The same while the application's TESTING is on, which may change any time.
        raise_errors: Whether a fault of capture raises after it is logged.
        counters: Counts what goes wrong.
        throttle: Logs what goes wrong.
    """

    def __init__(
        self,
        *,
        app: Flask,
        variables: VariableFilter,
        enrich: Callable[[dict[str, object], Request | None], None] | None,
        drops: Callable[[RecordData, Request | None], bool] | None = None,
        sampling: Sampling,
        excluded_statuses: Collection[int] = (),
        release: str = "",
        lines: Lines,
        write: Callable[[bytes], object],
        write_in_tests: Callable[[bytes], object],
        raise_errors: bool,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._app = app
        app.config.setdefault("TESTING", False)  # as Flask does; the recorder relies on it
        self._variables = variables
        self._enrich = enrich
        self._drops = drops
        self._sampling = sampling
        self._excluded_statuses = excluded_statuses
        # Whether a record may be left out, whatever the sample rate of its route.
        self._is_selective = bool(sampling.is_limited or excluded_statuses or drops is not None)
        self._release = clean_text(release)
        self._is_plain = enrich is None and not release and not self._is_selective
        self._lines = lines
        self.write = write
        self.write_in_tests = write_in_tests
        self._raise_errors = raise_errors
        self._counters = counters
        self._throttle = throttle

    def finish(self, state: RequestState, raised: BaseException | None) -> None:
        """Complete and write the record of a request or a job. Later calls do nothing.

        Args:
            state: The request or job; nothing happens when it is not tracked.
            raised: The exception that left the application or the job, or None.
        """
        request, subject, plan = state.request, state.subject, state.plan
        if subject is None or plan is None:
            return  # not tracked, or finished
        # This also breaks the reference cycle through the environ.
        state.request = state.subject = None
        if state.generation != fork.generation:
            return  # the view forked: the parent writes the record
        error: BaseException | None = state.error
        rare: object = state.hidden or state.resolved
        if raised is not None or error is not None:
            rare = state.error = raised or unhandled(error, state.status)
        try:
            if state.is_dropped:
                self._counters.add("suppressed")
                return
            duration_ns = clock.monotonic_ns() - state.clock_ns
            state.duration_ns = max(0, duration_ns)
            weight = 1.0
            variables: Mapping[str, JsonValue] | None
            if rare is None and plan.is_plain and self._is_plain:
                # As nearly always. The call of one more method takes 400 instructions.
                take, g = self._variables.take, state.globals.__dict__
                context = state.context
                variables = (
                    take(g, plan.patterns)
                    if context is None
                    else context.run(take, g, plan.patterns)
                )
            else:
                weight, variables = self._select(state, request, subject, plan)
                if not weight:
                    return
                if variables is None:
                    variables = self._take_variables(state, request, plan)
            write = self.write_in_tests if self._app.config["TESTING"] else self.write
            write(self._lines.line(state, subject, weight, variables))
        except BaseException as fault:  # noqa: BLE001 - a fault of capture must not cost the request
            self.report_loss(fault)
        finally:
            state.globals = state.context = None
            if rare is not None:
                state.hidden = state.error = state.resolved = None

    def exclude(self, state: RequestState, reason: str) -> None:
        """Count, once, a request that is not recorded because somebody excluded it."""
        if not state.is_counted:
            state.is_counted = True
            self._counters.add("excluded", reason)

    def report_loss(self, error: BaseException) -> None:
        """Count the record that a fault of capture costs, and report the fault.

        Raises:
            BaseException: The error, when it is no fault of capture but ends more than that.
        """
        self._counters.add("dropped", "capture")
        if is_interrupt(error):
            raise error
        self.report_fault(error)

    def report_fault(self, error: BaseException) -> None:
        """Count and log a fault of capture; raise it when CHEST_RAISE_ERRORS is set."""
        self._counters.add("capture_errors")
        self._throttle.log(logging.ERROR, "capture", f"Capture failed: {place(error)}")
        if self._raise_errors:
            raise error

    def _select(
        self, state: RequestState, request: Request | None, subject: Subject, plan: Plan
    ) -> tuple[float, Mapping[str, JsonValue] | None]:
        """Return the weight of a record, 0.0 when it is not kept, and its variables.

        What is not kept is counted. The variables are None when nobody needed them.
        """
        if state.error is None and state.status in self._excluded_statuses:
            self.exclude(state, "status")
            return 0.0, None
        weight, variables = 1.0, None
        if plan.sample_rate < 1.0:
            weight, variables = self._sample(state, request, subject, plan)
        if weight and self._drops is not None:
            if variables is None:
                variables = self._take_variables(state, request, plan)
            line = self._lines.line(state, subject, weight, variables)
            if self._drops(from_json(line), request):
                self.exclude(state, "hook")
                return 0.0, None
        # Last, so that no weight counts a request that is excluded.
        weight = self._sampling.limited(weight)
        if not weight:
            self._counters.add("sampled_out")
        return weight, variables

    def _sample(
        self, state: RequestState, request: Request | None, subject: Subject, plan: Plan
    ) -> tuple[float, Mapping[str, JsonValue] | None]:
        """Return the weight of a record by its rate, and its variables if the rule needed them."""
        sampling, variables = self._sampling, None
        weight = sampling.share(
            plan.sample_rate,
            trace_id=state.trace_id,
            request_id=state.request_id or state.identity,
            status=state.status,
            is_error=state.error is not None,
            duration_ms=state.duration_ns / 1e6,
        )
        if weight != 1.0 and sampling.has_rule:
            # Also where the draw keeps it: all that the rule keeps count once.
            variables = self._take_variables(state, request, plan)
            line = self._lines.line(state, subject, 1.0, variables)
            weight = sampling.ruled(from_json(line)) or weight
        return weight, variables

    def _take_variables(
        self, state: RequestState, request: Request | None, plan: Plan
    ) -> Mapping[str, JsonValue]:
        variables: Mapping[str, object] = state.globals.__dict__
        if hidden := state.hidden:
            variables = {
                name: value
                # `dict` copies in one step, while another thread may still write to `g`.
                for name, value in dict(variables).items()
                if hidden.get(name, _MISSING) is not value
            }
        if resolved := state.resolved:
            variables = {
                name: resolved.get(name, value) if issubclass(type(value), LocalProxy) else value
                for name, value in dict(variables).items()
            }
        if plan.facts is not None and request is not None:
            variables = plan.facts.beside(variables, state, request)
        run = state.context.run if state.context is not None else _run
        if (enrich := self._enrich) is None:
            taken = run(self._variables.take, variables, plan.patterns)
        else:
            taken = run(
                self._variables.take,
                variables,
                plan.patterns,
                lambda chosen: enrich(chosen, request),
            )
        if self._release and not plan.patterns.excludes(RELEASE):
            taken = {**taken, RELEASE: self._release}
        return taken


class IdleRecorder(Recorder):
    """Keeps no record of anything, and counts none as left out: CHEST_ENABLED is off."""

    def finish(self, state: RequestState, raised: BaseException | None) -> None:  # noqa: ARG002 - nobody is told
        """Forget the request or job."""
        state.request = state.subject = state.globals = state.context = None
        state.hidden = state.error = state.resolved = None

    def exclude(self, state: RequestState, reason: str) -> None:
        """Do nothing: no request is recorded."""
