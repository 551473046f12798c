"""Completes the record of a request or a job, and writes it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json

from flask_chest.runtime import fork
from flask_chest.runtime.log import raised

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.capture.record_line import Lines, Subject
    from flask_chest.capture.request_state import RequestState
    from flask_chest.capture.rules import Plan
    from flask_chest.capture.sampling import Sampling
    from flask_chest.encode.variables import VariableFilter
    from flask_chest.record import JsonValue
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

_MISSING: Final = object()


class Recorder:
    """Turns finished requests and jobs into records.

    Args:
        variables: Chooses variables.
        enrich: Calls the hook `chest_filter_variables`, without a request for a job; None when no
            plugin implements it.
        sampling: Decides which records are kept.
        lines: Makes the line of JSON.
        write: Takes the finished record as one line of JSON.
        raise_errors: Whether a fault of capture raises after it is logged.
        counters: Counts what goes wrong.
        throttle: Logs what goes wrong.
    """

    def __init__(
        self,
        *,
        variables: VariableFilter,
        enrich: Callable[[dict[str, object], Request | None], None] | None,
        sampling: Sampling,
        lines: Lines,
        write: Callable[[bytes], object],
        raise_errors: bool,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._variables = variables
        self._enrich = enrich
        self._sampling = sampling
        self._lines = lines
        self.write = write
        self._raise_errors = raise_errors
        self._counters = counters
        self._throttle = throttle

    def finish(self, state: RequestState, error: BaseException | None) -> None:
        """Complete and write the record of a request or a job. Later calls do nothing.

        Args:
            state: The request or job; nothing happens when it is not tracked.
            error: The exception that ended it, or None.
        """
        request, subject, plan = state.request, state.subject, state.plan
        if plan is None or (request is None and subject is None):
            return  # not tracked, or finished
        # This also breaks the reference cycle through the environ.
        state.request = state.subject = None
        if state.generation != fork.generation:
            return  # the view forked: the parent writes the record
        state.error = error
        try:
            if state.is_dropped:
                self._counters.add("suppressed")
                return
            state.duration_ns = time.perf_counter_ns() - state.clock_ns
            if request is not None:
                rule = request.url_rule
                endpoint, route = (None, None) if rule is None else (rule.endpoint, rule.rule)
                subject = (endpoint, route, request.method, request.path)
            elif subject is None:
                return  # for mypy: one of the two is there
            weight, variables = 1.0, None
            if plan.sample_rate < 1.0 or self._sampling.is_limited:
                weight, variables = self._sample(state, request, subject, plan)
                if not weight:
                    self._counters.add("sampled_out")
                    return
            if variables is None:
                variables = self._take_variables(state, request, plan)
            self.write(self._lines.line(state, subject, weight, variables))
        except Exception as fault:  # noqa: BLE001 - a fault of capture must not cost the request
            self.report_loss(fault)
        finally:
            state.globals = state.hidden = state.error = None

    def report_loss(self, error: Exception) -> None:
        """Count the record that a fault of capture costs, and report the fault."""
        self._counters.add("dropped", "capture")
        self.report_fault(error)

    def report_fault(self, error: Exception) -> None:
        """Count and log a fault of capture; raise it when CHEST_RAISE_ERRORS is set."""
        self._counters.add("capture_errors")
        self._throttle.log(logging.ERROR, "capture", f"Capture failed: {raised(error)}")
        if self._raise_errors:
            raise error

    def _sample(
        self, state: RequestState, request: Request | None, subject: Subject, plan: Plan
    ) -> tuple[float, Mapping[str, JsonValue] | None]:
        """Return the weight of a record, 0.0 when it is not kept, and its variables.

        The variables are None when the application's own rule did not need them.
        """
        sampling, variables = self._sampling, None
        weight = sampling.share(
            plan.sample_rate,
            trace_id=state.trace_id,
            request_id=state.request_id or state.identity,
            status=state.status,
            is_error=state.error is not None,
            duration_ms=state.duration_ns / 1e6,
        )
        if not weight and sampling.has_rule:
            variables = self._take_variables(state, request, plan)
            line = self._lines.line(state, subject, 1.0, variables)
            weight = sampling.ruled(from_json(line))
        return sampling.limited(weight), variables

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
        if (enrich := self._enrich) is None:
            return self._variables.take(variables, plan.patterns)
        return self._variables.take(
            variables, plan.patterns, lambda chosen: enrich(chosen, request)
        )
