"""Puts the request ID on log lines, and on what a request or a job sends."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from flask_chest.current import carried_now, current_request_id


class RequestIdFilter(logging.Filter):
    """Gives each log record the attribute `request_id`, for ``%(request_id)s`` in a format.

    Belongs to a handler, so that it sees the records of all loggers::

        handler.addFilter(RequestIdFilter())

    Args:
        outside: The attribute on lines that belong to no request or job.
    """

    def __init__(self, outside: str = "-") -> None:
        super().__init__()
        self._outside = outside

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attribute; let every record pass."""
        record.request_id = current_request_id() or self._outside
        return True


def add_request_id(
    _logger: object, _method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add `request_id` to an event of structlog, unless it has one.

    It is a processor: ``structlog.configure(processors=[add_request_id, ...])``.
    """
    request_id = current_request_id()
    if request_id is not None:
        event_dict.setdefault("request_id", request_id)
    return event_dict


def outbound_headers() -> dict[str, str]:
    """Return headers for what the current request or job sends; none outside of both.

    They are the request ID under the name that it has in responses (CHEST_REQUEST_ID_HEADER), and
    the inbound W3C `traceparent` and `tracestate` when they are well-formed::

        httpx.get(url, headers=outbound_headers())
    """
    carried = carried_now()
    headers = dict(carried.trace_headers)
    if carried.header and carried.request_id is not None:
        headers[carried.header] = carried.request_id
    return headers
