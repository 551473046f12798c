"""Request IDs: who gives one, which is good enough, and how code in a request reads it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.log import Throttle
    from flask_chest.stats import Counters

MAX_LENGTH: Final = 255

RequestIdGenerator: TypeAlias = "Callable[[Request], str]"
"""What `track(request_id=...)` takes: gives a request its ID."""

RequestIdHook: TypeAlias = "Callable[[Request], str | None]"
"""What the hook `chest_request_id` is: gives a request its ID, or passes with None."""

_WELL_FORMED: Final = re.compile(r"[\x21-\x7e]{1,255}")

_TRACEPARENT: Final = re.compile(
    r"(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


def is_well_formed(value: object) -> bool:
    """Tell whether `value` may be a request ID: 1 to 255 visible ASCII characters, no space.

    Anything else could not be echoed safely in a response header.
    """
    return isinstance(value, str) and _WELL_FORMED.fullmatch(value) is not None


def trace_id(traceparent: str | None) -> str | None:
    """Return the trace ID of a `traceparent` header, or None when it is missing or malformed.

    Source: W3C Trace Context, section 3.2, https://www.w3.org/TR/trace-context/
    """
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return match[1] if match else None


class RequestIds:
    """Gives each request its ID.

    The sources in order: the hook `chest_request_id`, the route's own generator, a well-formed
    inbound header when it is trusted, and at last the record's own ID. A source that raises
    or gives something that is no good ID is passed over, counted and logged.

    Args:
        header: Name of the inbound and outbound header; empty for none.
        trust: Whether a well-formed inbound ID is taken.
        hook: Calls the plugins; None when none implements the hook.
    """

    def __init__(
        self,
        *,
        header: str,
        trust: bool,
        hook: RequestIdHook | None,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._inbound = "HTTP_" + header.upper().replace("-", "_") if header and trust else None
        self._hook = hook
        self._counters = counters
        self._throttle = throttle

    def make(self, request: Request, generator: RequestIdGenerator | None, default: str) -> str:
        """Return the ID of a request. Never raises, and never returns anything but a good ID.

        Args:
            request: The Flask request.
            generator: The route's own, or None.
            default: The ID when no source gives one.
        """
        if self._hook is not None and (given := self._ask(self._hook, request, None)):
            return given
        if generator is not None and (given := self._ask(generator, request, generator)):
            return given
        if self._inbound is not None:
            inbound = request.environ.get(self._inbound)
            if inbound is not None:
                if is_well_formed(inbound):
                    return str(inbound)
                self._replaced(f"the request header gave {_shown(inbound)}")
        return default

    def _ask(
        self, source: RequestIdHook, request: Request, generator: RequestIdGenerator | None
    ) -> str | None:
        name = "hook chest_request_id" if generator is None else f"generator {generator!r}"
        try:
            given: object = source(request)
        except Exception as error:  # noqa: BLE001 - somebody else's code, and the request goes on
            self._replaced(f"the {name} raised {type(error).__name__}", error)
            return None
        if is_well_formed(given):
            return str(given)
        if given is not None or generator is not None:  # a hook may pass with None
            self._replaced(f"the {name} returned {_shown(given)}")
        return None

    def _replaced(self, what: str, error: Exception | None = None) -> None:
        self._counters.add("request_ids_replaced")
        self._throttle.log(
            logging.WARNING,
            "request_id",
            f"A request ID was replaced: {what}. "
            f"An ID is a str of 1 to {MAX_LENGTH} visible ASCII characters without spaces",
            error,
        )


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"{len(value)} characters, {value[:40]!r}"
    return "nothing" if value is None else f"a {type(value).__name__}, not a str"
