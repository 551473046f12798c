"""Makes the one line of JSON that a record is from the journal on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic_core import to_json

from flask_chest import record
from flask_chest.encode.patterns import HTTP_METHODS
from flask_chest.encode.text import clean_text
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.capture.request_state import RequestState
    from flask_chest.encode.record_fields import RecordFields
    from flask_chest.record import JsonValue

_MAX_KNOWN: Final = 1_024
_MAX_PATH_LENGTH: Final = 128

_LINE: Final = (
    b'{"id":"%b","request_id":%b,"trace_id":%b,%b,"error":%b,"started_at":"%b.%06dZ",'
    b'"duration_ms":%d.%03d,"weight":%b,"variables":%b}\n'
)

Subject: TypeAlias = "tuple[str | None, str | None, str, str]"
"""What a record is about: endpoint, route, method and path."""

_Response: TypeAlias = "tuple[Subject, int | None]"
"""Subject and status code: what `service` to `status_code` depend on."""


class Lines:
    """Makes lines of JSON, whose keys are those of `RecordData` in their order.

    A line is joined from pieces. The piece from `service` to `status_code` is the same for many
    records, so it is made once. A dict of each record, and JSON of that, takes three times as long.

    Args:
        service: The field `service` of every record.
        fields: Gives the record's own fields.
    """

    def __init__(self, service: str, fields: RecordFields) -> None:
        self._service = service
        self._fields = fields
        # The newest second and its text, replaced as a whole. `strftime` takes 8,300 instructions,
        # the rest of a line 7,600.
        self._second: tuple[int, bytes] = (-1, b"")
        self.after_fork()
        fork.watch(self)

    def after_fork(self) -> None:
        """Forget, in a forked child, the pieces with the parent's `instance`."""
        self._known: dict[_Response, bytes] = {}

    def line(
        self,
        state: RequestState,
        subject: Subject,
        weight: float,
        variables: Mapping[str, JsonValue],
    ) -> bytes:
        """Return a record as one line of JSON with its line feed.

        Raises:
            Exception: A value has no JSON form. Variables that passed the filter have one.
        """
        response = (subject, state.status)
        identity = state.identity.encode()
        seconds, microseconds = divmod(state.started_us, 1_000_000)
        known, second = self._second
        if seconds != known:
            second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()
            self._second = (seconds, second)
        duration_us = state.duration_ns // 1_000
        return _LINE % (
            identity,
            b'"%b"' % identity
            if state.request_id is state.identity
            else to_json(self._fields.request_id(state.request_id or "") or state.identity),
            b"null" if state.trace_id is None else b'"%b"' % state.trace_id.encode(),
            self._known.get(response) or self._service_to_status(response),
            b"null" if state.error is None else to_json(self._fields.error(state.error)),
            second,
            microseconds,
            duration_us // 1_000,
            duration_us % 1_000,
            b"1.0" if weight == 1.0 else b"%r" % weight,
            to_json(variables),
        )

    def _service_to_status(self, response: _Response) -> bytes:
        (endpoint, route, method, path), status = response
        # A client may invent any other method, and any path.
        is_job = method == record.JOB and route is not None and not path
        is_kept = (is_job or method in HTTP_METHODS) and len(path) <= _MAX_PATH_LENGTH
        fields = {
            "service": self._service,
            "instance": self._fields.instance(record.instance()),
            "endpoint": endpoint,
            "route": self._fields.job(route) if is_job and route else route,
            "method": method if method in HTTP_METHODS else clean_text(method, 32),
            "path": self._fields.path(path) if path else "",
            "status_code": status,
        }
        piece = to_json(fields)[1:-1]  # without the braces
        if is_kept:
            if len(self._known) >= _MAX_KNOWN:  # paths, or names of jobs, with an ID in them
                self._known.clear()
            self._known[response] = piece
        return piece
