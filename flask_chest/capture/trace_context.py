"""The trace of a request: from OpenTelemetry when it is loaded, else from the W3C header."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TRACEPARENT: Final = re.compile(
    r"(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?"
)
# Level 2, section 3.3.1.3. The last character of a value is no space.
_TRACESTATE_MEMBER: Final = re.compile(
    r"(?:[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
_MAX_MEMBERS: Final = 32


def trace_id(environ: WSGIEnvironment) -> str | None:
    """Return the trace ID of a request, 32 hexadecimal digits, or None.

    The active OpenTelemetry span takes precedence over the inbound header, as the trace is stored
    under its ID. OpenTelemetry is used when the application has loaded it, and never imported.

    Source: W3C Trace Context, section 3.2, https://www.w3.org/TR/trace-context/
    """
    if "opentelemetry.trace" in sys.modules and (active := _active_trace_id()) is not None:
        return active
    traceparent = environ.get("HTTP_TRACEPARENT")
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return match[1] if match else None


def trace_headers(headers: Mapping[str, object]) -> dict[str, str]:
    """Return the well-formed `traceparent` and `tracestate` among headers, by lower-case names.

    A `tracestate` goes only with its `traceparent` (W3C Trace Context, section 3.3.1.1). Nothing
    but visible ASCII, spaces and tabs is well-formed, so that every HTTP client takes it.
    """
    parent, state = headers.get("traceparent"), headers.get("tracestate")
    if not isinstance(parent, str) or not _TRACEPARENT.fullmatch(parent):
        return {}
    found = {"traceparent": parent}
    if isinstance(state, str) and _is_tracestate(state):
        found["tracestate"] = state
    return found


def _is_tracestate(text: str) -> bool:
    members = [member for each in text.split(",", _MAX_MEMBERS) if (member := each.strip(" \t"))]
    return (
        0 < len(members) <= _MAX_MEMBERS
        and text.strip(" \t") == text
        and all(_TRACESTATE_MEMBER.fullmatch(member) for member in members)
    )


def _active_trace_id() -> str | None:
    try:
        span = sys.modules["opentelemetry.trace"].get_current_span()
        context = span.get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None
    except Exception:  # noqa: BLE001 - half imported, or an incompatible version
        return None
