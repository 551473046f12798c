"""Makes the one line of JSON that a record is from the journal on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from flask_chest import record
from flask_chest.encode.patterns import HTTP_METHODS
from flask_chest.encode.text import clean_text

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.capture.request_state import Tracked
    from flask_chest.capture.rules import MiddleKey, Plan
    from flask_chest.encode.record_fields import RecordFields
    from flask_chest.record import JsonValue

_NO_TRACE: Final = '","trace_id":null'
_NO_ERROR: Final = '"error":null'
_DIGITS: Final = tuple(f"{number:03d}" for number in range(1_000))
_MAX_MIDDLES: Final = 256
_MAX_PATH_LENGTH: Final = 128


class Lines:
    """Makes lines of JSON, whose keys are those of `RecordData`.

    What records have in common is made once, as text: what belongs to a route, a path and a status,
    and a second. To make a dict of each record, and JSON of that, would take three times as long.

    Args:
        service: The field `service` of every record.
        fields: What becomes of the record's own fields.
    """

    def __init__(self, service: str, fields: RecordFields) -> None:
        self._service = service
        self._fields = fields
        self._second: tuple[int, str] = (-1, "")  # the newest one; replaced as a whole

    def line(  # noqa: PLR0917 - by position, as a keyword takes time
        self,
        tracked: Tracked,
        plan: Plan,
        request: Request,
        error: BaseException | None,
        duration_ns: int,
        weight: float,
        variables: Mapping[str, JsonValue],
    ) -> bytes:
        """Return a record as one line of JSON with its line feed.

        Raises:
            Exception: Something has no JSON form; variables that came through the filter have one.
        """
        rule = request.url_rule
        key = (
            request.path, tracked.status, None if rule is None else rule.rule, tracked.generation
        )  # fmt: skip
        middle = plan.middles.get(key) or self._middle(plan, key, request)
        identity, request_id = tracked.identity, tracked.request_id
        if request_id is not identity:
            request_id = _json(request_id)[1:-1]
        if tracked.trace_id is not None:
            middle = middle.replace(_NO_TRACE, f'","trace_id":"{tracked.trace_id}"', 1)
        if error is not None:
            name = _json(self._fields.error(error))
            middle = f'"error":{name}'.join(middle.rsplit(_NO_ERROR, 1))
        seconds, microseconds = divmod(tracked.started_us, 1_000_000)
        known, second = self._second
        if seconds != known:
            second = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds))
            self._second = (seconds, second)
        duration_us = duration_ns // 1_000
        start = (
            f'{{"id":"{identity}","request_id":"{request_id}{middle}{second}'
            f'{_DIGITS[microseconds // 1_000]}{_DIGITS[microseconds % 1_000]}Z","duration_ms":'
            f'{duration_us // 1_000}.{_DIGITS[duration_us % 1_000]},"weight":'
        )
        end = b'1.0,"variables":' if weight == 1.0 else b'%r,"variables":' % weight
        return start.encode() + end + to_json(variables) + b"}\n"

    def _middle(self, plan: Plan, key: MiddleKey, request: Request) -> str:
        """Return the line from after the request ID until before the time."""
        rule, method = request.url_rule, request.method
        path, status, _, _ = key
        instance = self._fields.instance(record.instance())
        text = (
            f'{_NO_TRACE},"service":{_json(self._service)},"instance":{_json(instance)},'
            f'"endpoint":{_json(None if rule is None else rule.endpoint)},'
            f'"route":{_json(None if rule is None else rule.rule)},'
            f'"method":{_json(method if method in HTTP_METHODS else clean_text(method, 32))},'
            f'"path":{_json(self._fields.path(path))},'
            f'"status_code":{"null" if status is None else status},{_NO_ERROR},"started_at":"'
        )
        if len(path) <= _MAX_PATH_LENGTH:
            if len(plan.middles) >= _MAX_MIDDLES:  # paths with an ID in them
                plan.middles.clear()
            plan.middles[key] = text
        return text


def _json(value: str | None) -> str:
    return to_json(value).decode()
