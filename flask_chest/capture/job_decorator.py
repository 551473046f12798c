"""The decorator `@chest.job`: each call of a function is a job."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from typing_extensions import Self

from flask_chest.capture.job import FindPlace, JobRun, checked_name
from flask_chest.errors import ConfigurationError

if TYPE_CHECKING:
    from flask.ctx import AppContext

    from flask_chest.capture.track_rule import TrackRule

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


def decorate(
    function: AnyFunction, *, name: str | None, rule: TrackRule, find_place: FindPlace
) -> AnyFunction:
    """Return a function whose calls are jobs; its name, docstring and signature are kept.

    Args:
        function: Sync or async.
        name: The field `route` of the records; None for the name of the function.
        rule: What is taken from `flask.g`, which each call has to itself.
        find_place: Called with each call.

    Raises:
        ConfigurationError: It is no function, or a generator; or it has no name.
    """
    if isinstance(function, type) or not callable(function):
        raise ConfigurationError(
            f"@chest.job on {function!r}, which is not a function: put it directly above the `def`"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(
            f"@chest.job on the generator {function!r}: its code runs after the call. Put "
            "`with chest.record(...)` into it"
        )
    name = checked_name(getattr(function, "__name__", None) if name is None else name)
    wrapper: Callable[..., Any]

    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object may be called like a function
    ):

        @functools.wraps(function)
        async def async_job(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            with _Call(name, rule, find_place):
                return await function(*args, **kwargs)

        wrapper = async_job
    else:

        @functools.wraps(function)
        def job(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            with _Call(name, rule, find_place) as call:
                result = function(*args, **kwargs)
                if not inspect.iscoroutine(result):
                    return result
                call.forget()  # another decorator hides that the function is asynchronous
            return awaited(result)

        async def awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
            with _Call(name, rule, find_place):
                return await coroutine

        wrapper = job
    return cast("AnyFunction", wrapper)


class _Call:
    """One call of a decorated function: a job with an application context of its own."""

    def __init__(self, name: str, rule: TrackRule, find_place: FindPlace) -> None:
        self._name = name
        self._rule = rule
        self._find_place = find_place

    def __enter__(self) -> Self:
        place = self._find_place()
        self._context: AppContext = place.app.app_context()
        self._context.__enter__()
        try:
            self._run = JobRun(place, self._name, self._rule, place.capture.current_variables())
        except BaseException:  # CHEST_RAISE_ERRORS
            self._context.__exit__(None, None, None)
            raise
        return self

    def forget(self) -> None:
        """Leave no record, and do not count it as left out."""
        self._run.state.plan = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._context.__exit__(kind, error, traceback)  # runs the teardown functions
        except BaseException as failed:
            error = failed
            raise
        finally:
            # After them, as for a request: they may put something on `flask.g`.
            self._run.finish(error)
