"""Records work that is no request, as a job: `with chest.record(...)`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Final

from click.exceptions import Exit
from typing_extensions import Self

from flask_chest import record
from flask_chest.capture import carried, suppression
from flask_chest.capture.carried import Carried
from flask_chest.capture.request_state import RequestState
from flask_chest.capture.trace_context import trace_id
from flask_chest.encode.text import clean_text
from flask_chest.errors import ChestError, ConfigurationError
from flask_chest.runtime import fork
from flask_chest.runtime.clock import clock

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.capture.middleware import Capture
    from flask_chest.capture.track_rule import TrackRule

_MAX_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job runs.

    Attributes:
        app: The application that it belongs to.
        capture: Capture of that application.
        carried: The request ID and the trace around it.
        is_opted_out: Whether it runs within a request that asks not to be recorded.
    """

    app: Flask
    capture: Capture
    carried: Carried
    is_opted_out: bool


FindPlace = Callable[[], Place]
"""Returns where a job runs that begins now. Raises ChestError when there is no application."""


class JobRun:
    """One job that runs, from its begin until its record is written.

    Args:
        place: Where it runs.
        name: The field `route` of its record.
        rule: What it takes from `flask.g`; None takes all of `variables`.
        variables: The object whose attributes are the variables of the job.
    """

    def __init__(self, place: Place, name: str, rule: TrackRule | None, variables: object) -> None:
        capture, around = place.capture, place.carried
        self.state = state = RequestState()
        self._recorder = capture.recorder
        if not capture.is_delivery_started:
            capture.is_delivery_started = capture.start_delivery()
        state.clock_ns = clock.monotonic_ns()
        state.request_id = around.request_id
        state.trace_id = trace_id({}) or around.trace_id
        try:
            state.started_us = clock.unix_us()
            state.identity = record.uuid7(state.started_us)
            state.request_id = around.request_id or state.identity
            state.generation = fork.generation
            state.globals = variables
            state.is_dropped = place.is_opted_out or suppression.block_owner.get() is not None
            state.subject = (None, name, record.JOB, "")
            state.plan = capture.rules.job_plan(name, rule)
        except Exception as error:  # noqa: BLE001 - a fault of capture must not cost the job
            self._recorder.report_loss(error)
        self._block = carried.enter(
            Carried(
                state.request_id,
                state.trace_id,
                capture.header,
                around.trace_headers,
                weakref.ref(place.app),
            ),
            state,
        )

    def finish(self, error: BaseException | None) -> None:
        """Write the record.

        Args:
            error: The exception that ended the job, or None.
        """
        try:
            self._recorder.finish(self.state, None if _is_orderly(error) else error)
        finally:
            carried.leave(self._block)


class Job:
    """A block of code that is recorded, as `FlaskChest.record` returns it.

    It is a context manager, also an asynchronous one. Its variables may be set before the block and
    in it::

        with chest.record("nightly-report", rows=0) as job:
            job["rows"] = run()
    """

    def __init__(self, name: str, variables: Mapping[str, object], find_place: FindPlace) -> None:
        self._name = checked_name(name)
        self._holder = SimpleNamespace()
        self._variables: dict[str, object] = vars(self._holder)
        self._variables.update(variables)
        self._find_place = find_place
        self._run: JobRun | None = None
        self._is_dropped = False

    @property
    def request_id(self) -> str:
        """ID of the job. That of the request or job around it, or its own. Empty before it runs."""
        return (self._run.state.request_id or "") if self._run is not None else ""

    def __getitem__(self, name: str) -> object:
        """Return a variable, as it was set."""
        return self._variables[name]

    def __setitem__(self, name: str, value: object) -> None:
        """Set a variable of the record."""
        self._variables[name] = value

    def update(
        self,
        variables: Mapping[str, object] | Iterable[tuple[str, object]] = (),
        /,
        **more: object,
    ) -> None:
        """Set several variables, as `dict.update` does."""
        self._variables.update(variables, **more)

    def drop(self) -> None:
        """Leave no record of this job."""
        self._is_dropped = True
        if self._run is not None:
            self._run.state.is_dropped = True

    def __enter__(self) -> Self:
        """Begin.

        Raises:
            ChestError: There is no application; or this job has run already.
        """
        if self._run is not None:
            raise ChestError(
                f"The job {self._name!r} runs already, or has run. Call chest.record() for each run"
            )
        self._run = JobRun(self._find_place(), self._name, None, self._holder)
        if self._is_dropped:
            self.drop()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._run is not None:
            self._run.finish(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def checked_name(name: object) -> str:
    """Return the name of a job as every database takes it.

    Raises:
        ConfigurationError: It is no text, or an empty one.
    """
    if not isinstance(name, str) or not name:
        raise ConfigurationError(
            f"The name of a job is {name!r}. Give it a text, such as 'nightly-report'"
        )
    return clean_text(name, _MAX_NAME)


def _is_orderly(error: BaseException | None) -> bool:
    """Return whether an exception only ends the program, as `sys.exit()` does without an error."""
    if isinstance(error, SystemExit):
        return not error.code
    return isinstance(error, Exit) and not error.exit_code  # `click.Context.exit`
