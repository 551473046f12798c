"""The trace of a request: from OpenTelemetry when it is loaded, else from the W3C header."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TRACEPARENT: Final = re.compile(
    r"(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


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


def _active_trace_id() -> str | None:
    try:
        span = sys.modules["opentelemetry.trace"].get_current_span()
        context = span.get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None
    except Exception:  # noqa: BLE001 - half imported, or an incompatible version
        return None
