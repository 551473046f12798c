"""Makes the ID of a request from the first source that gives a well-formed one."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from flask_chest.runtime.interrupts import is_interrupt
from flask_chest.runtime.log import raised

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from flask import Request

    from flask_chest.capture.generators import RequestIdGenerator
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

MAX_LENGTH: Final = 255

RequestIdHook: TypeAlias = "Callable[[Request], str | None]"
"""The hook `chest_request_id`: returns the ID of a request, or None to leave it to others."""

_WELL_FORMED: Final = re.compile(r"[\x21-\x7e]{1,255}")

_AMAZON_HEADER: Final = "HTTP_X_AMZN_TRACE_ID"
_AMAZON_ROOT: Final = re.compile(r"(?:^|;)(Root=[^;]+)")


def is_well_formed(value: object) -> bool:
    """Return whether `value` may be a request ID: 1 to 255 visible ASCII characters, no space.

    Anything else is not safe in a response header.
    """
    return isinstance(value, str) and _WELL_FORMED.fullmatch(value) is not None


class RequestIds:
    """Gives each request its ID.

    The sources in their order: the hook `chest_request_id`, the generator of the route, the first
    trusted inbound header that is well-formed, the generator of the application, the ID of the
    record. A source that raises, or that gives no well-formed ID, is counted, logged and skipped.

    Args:
        headers: Names of trusted inbound headers, in their order.
        hook: Calls the plugins; None when none implements the hook.
        generator: That of the application; None for the ID of the record.
    """

    def __init__(
        self,
        *,
        headers: Iterable[str],
        hook: RequestIdHook | None,
        generator: RequestIdGenerator | None,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._inbound = tuple("HTTP_" + name.upper().replace("-", "_") for name in headers)
        self._has_own_source = hook is not None or generator is not None
        self._hook = hook
        self._generator = generator
        self._counters = counters
        self._throttle = throttle

    def has_source(self, environ: WSGIEnvironment) -> bool:
        """Return whether any source but the generator of a route may give an ID."""
        if self._has_own_source:
            return True
        for name in self._inbound:  # noqa: SIM110 - `any` takes three times as long
            if name in environ:
                return True
        return False

    def make(self, request: Request, generator: RequestIdGenerator | None, default: str) -> str:
        """Return the ID of a request, which is well-formed. Never raises.

        Args:
            request: The Flask request.
            generator: That of the route, or None.
            default: The ID when no source gives one.
        """
        if self._hook is not None and (given := self._ask(self._hook, request, None)):
            return given
        if generator is not None and (given := self._ask(generator, request, generator)):
            return given
        for name in self._inbound:
            inbound = request.environ.get(name)
            if inbound is not None:
                if name == _AMAZON_HEADER and (root := _AMAZON_ROOT.search(inbound)):
                    inbound = root[1]  # the rest differs from hop to hop
                if is_well_formed(inbound):
                    return str(inbound)
                self._replaced(f"a request header gave {_shown(inbound)}")
        own = self._generator
        if own is not None and (given := self._ask(own, request, own)):
            return given
        return default

    def _ask(
        self, source: RequestIdHook, request: Request, generator: RequestIdGenerator | None
    ) -> str | None:
        name = "hook chest_request_id" if generator is None else f"generator {generator!r}"
        try:
            given: object = source(request)
        except BaseException as error:  # the application's code must not cost the request
            if is_interrupt(error):
                raise
            self._replaced(f"the {name} raised {raised(error)}")
            return None
        if is_well_formed(given):
            return str(given)
        if given is not None or generator is not None:  # a hook may pass with None
            self._replaced(f"the {name} returned {_shown(given)}")
        return None

    def _replaced(self, what: str) -> None:
        self._counters.add("request_ids_replaced")
        self._throttle.log(
            logging.WARNING,
            "request_id",
            f"A request ID was replaced: {what}. "
            f"An ID is a str of 1 to {MAX_LENGTH} visible ASCII characters without spaces",
        )


def _shown(value: object) -> str:
    if isinstance(value, str):  # but not its content, which may be a secret
        odd = sum(not "!" <= character <= "~" for character in value)
        return f"{len(value)} characters, {odd} of them not allowed"
    return "nothing" if value is None else f"a {type(value).__name__}, not a str"
