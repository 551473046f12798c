"""What the answer of a collector means.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from pydantic_core import from_json

from flask_chest_otlp.wire import fields

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

THROTTLED: Final = frozenset({429, 502, 503, 504})
"""Statuses of a request that is to be sent again, after a pause."""

NOT_OF_THE_DATA: Final = frozenset({401, 404, 405, 407, 408, 421, 425, 429})
"""Statuses below 500 that say who may ask, where or when. No record is at fault."""

_MAX_TEXT: Final = 300


@dataclass(frozen=True)
class Answer:
    """The answer to one request.

    Attributes:
        status: Of HTTP.
        content_type: Of the body, without parameters.
        body: Its beginning.
        retry_after: The header `Retry-After`, if there is one.
        location: Where it redirects to, if it does.
    """

    status: int
    content_type: str
    body: bytes
    retry_after: str | None = None
    location: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether the collector has taken the request, at least in part."""
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether it is a page for a browser: whoever answers so is no collector."""
        return self.content_type in {"text/html", "application/xhtml+xml"}

    @property
    def may_be_of_the_data(self) -> bool:
        """Whether the content of the request may be why it was refused."""
        return 400 <= self.status < 500 and self.status not in NOT_OF_THE_DATA

    def __str__(self) -> str:
        """Return status and reason, with what the collector says."""
        try:
            text = f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            text = str(self.status)
        if self.location is not None:
            text += f", a redirection to {_printable(self.location.partition('?')[0])}"
        said = "" if self.is_page else self._message()
        return f"{text}: {said}" if said else text

    def _message(self) -> str:
        """Return the text of a `google.rpc.Status`, or of another body."""
        try:
            if self.content_type == PROTOBUF:
                return _printable(_last(self.body, 2, b"").decode())
            if self.content_type == JSON:
                return _printable(str(from_json(self.body)["message"]))
            return _printable(self.body.decode())
        except (ValueError, KeyError, TypeError):
            return ""

    def pause_seconds(self, now: Callable[[], float] = time.time) -> float:
        """Return how long the collector asks to wait, by `Retry-After`; 0.0 when it does not say.

        Args:
            now: Returns the Unix time, for a header that has a date.
        """
        text = (self.retry_after or "").strip()
        try:
            seconds = (
                float(text)
                if text.isascii() and text.isdecimal()
                else parsedate_to_datetime(text).timestamp() - now()
            )
        except (ValueError, TypeError, IndexError, OverflowError):
            return 0.0
        return max(seconds, 0.0) if math.isfinite(seconds) else 0.0

    def partial_success(self) -> tuple[int, str]:
        """Return how many items the collector has refused, and what it says to that.

        An answer that cannot be read is a success, as its status says.
        """
        try:
            if self.content_type == JSON:
                return _of_json(self.body)
            partial = _last(self.body, 1, b"")
            return _last_number(partial, 1), _printable(_last(partial, 2, b"").decode())
        except (ValueError, TypeError, OverflowError):
            return 0, ""


def _of_json(body: bytes) -> tuple[int, str]:
    told = from_json(body or b"{}")
    partial = told.get("partialSuccess") if isinstance(told, dict) else None
    if not isinstance(partial, dict):
        return 0, ""
    count = partial.get("rejectedLogRecords") or partial.get("rejectedDataPoints") or 0
    return int(count), _printable(str(partial.get("errorMessage") or ""))


def _last(message: bytes, number: int, default: bytes) -> bytes:
    """Return the content of a field of bytes, of which the last one counts."""
    found = default
    for each, content in fields(message):
        if each == number and isinstance(content, bytes):
            found = content
    return found


def _last_number(message: bytes, number: int) -> int:
    found = 0
    for each, content in fields(message):
        if each == number and isinstance(content, int):
            found = content
    return found if found < 2**63 else 0


def _printable(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text[:_MAX_TEXT]).strip()
    return f"{shown}…" if len(text) > _MAX_TEXT else shown
