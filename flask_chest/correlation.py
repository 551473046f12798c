"""Puts the request ID on log lines, and on the requests that a request makes."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from flask import has_request_context

from flask_chest.extension import current_request_id, request_id_header
from flask_chest.runtime import flask_proxies

_FORWARDED = ("traceparent", "tracestate")


class RequestIdFilter(logging.Filter):
    """Gives each log record the attribute `request_id`, for ``%(request_id)s`` in a format.

    Belongs to a handler, so that it sees the records of all loggers::

        handler.addFilter(RequestIdFilter())

    Args:
        outside: The attribute on lines that belong to no request.
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
    """Add `request_id` to an event of structlog, unless it has one. A processor::

    structlog.configure(processors=[add_request_id, ...])
    """  # noqa: D415 - it ends in an example
    request_id = current_request_id()
    if request_id is not None:
        event_dict.setdefault("request_id", request_id)
    return event_dict


def outbound_headers() -> dict[str, str]:
    """Return headers for the requests that the current one makes; none outside of a request.

    They are the request ID under the name that it has in responses (CHEST_REQUEST_ID_HEADER), and
    the inbound W3C `traceparent` and `tracestate`::

        httpx.get(url, headers=outbound_headers())
    """
    request_id, header = current_request_id(), request_id_header()
    headers = {header: request_id} if header and request_id is not None else {}
    if has_request_context():
        inbound = flask_proxies.request().headers
        headers.update((name, inbound[name]) for name in _FORWARDED if name in inbound)
    return headers
