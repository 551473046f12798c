"""`Decision`: what a function of the application says about a request."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from flask import Request

_LOG_SECONDS: Final = 60.0
_logger: Final = logging.getLogger("flask_chest.dashboard")


def fault_of(function: Callable[..., Any]) -> str | None:
    """Return why a function cannot decide anything; None when it can."""
    called = function if inspect.isroutine(function) else type(function).__call__
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called):
        return "is async, and pages are made without an event loop. Give it a plain function"
    if inspect.isclass(function):
        return "is a class, and not a function"
    if _takes_request(function) is None:
        return "must be a function of one parameter, the Flask request, or of none"
    return None


def _takes_request(function: Callable[..., Any]) -> bool | None:
    """Return whether a function takes the request; None when it takes something else."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # one that was written in C
        return True
    for arguments in ((None,), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return bool(arguments)
    return None


def _checked(said: object) -> bool | Response:
    """Return what was said; a coroutine or what a view returns would be true, too."""
    if inspect.iscoroutine(said):
        said.close()
    if inspect.isawaitable(said) or isinstance(said, tuple):
        raise TypeError(f"it returned a {type(said).__name__}, and not whether they may")
    return said if isinstance(said, Response) else bool(said)


class Decision:
    """Asks a function of the application whether whoever sent a request may do something.

    Args:
        function: Called with the Flask request, or with nothing when it takes nothing.
        setting: Its name, for the log.
    """

    def __init__(self, function: Callable[..., Any], setting: str) -> None:
        self._function = function
        self._setting = setting
        self._takes_request = _takes_request(function)
        self._silent_until = 0.0

    def ask(self, request: Request) -> bool | Response:
        """Return whether they may; or the answer that the function has for those who may not.

        Whatever is wrong with the function, they may not.
        """
        try:
            return _checked(self._function(request) if self._takes_request else self._function())
        except HTTPException as error:
            if error.response is not None or (error.code or 500) < 500:
                return Response.force_type(error.get_response(request.environ))
            self._say(error)
        except Exception as error:  # noqa: BLE001 - a fault in it opens nothing, and shows nothing
            self._say(error)
        return False

    def _say(self, error: Exception) -> None:
        if time.monotonic() < self._silent_until:
            return
        self._silent_until = time.monotonic() + _LOG_SECONDS
        _logger.error(
            "%s cannot decide, so the request is refused. For a minute, no further one is logged",
            self._setting,
            exc_info=error,
        )
