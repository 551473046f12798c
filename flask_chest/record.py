"""The record: identity, and the one line of JSON that it is from the journal on."""

from __future__ import annotations

import os
import random
import socket
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeAlias, cast

from pydantic_core import to_json
from typing_extensions import TypedDict

from flask_chest import fork

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"


class RecordData(TypedDict):
    """A record as it stands in the journal and in `Batch.records()`.

    `started_at` is RFC 3339 in UTC with six digits of a second, which sorts as text.
    """

    id: str
    request_id: str
    trace_id: str | None
    service: str
    instance: str
    endpoint: str | None
    route: str | None
    method: str
    path: str
    status_code: int | None
    error: str | None
    started_at: str
    duration_ms: float
    weight: float
    variables: dict[str, JsonValue]


@dataclass(frozen=True)
class Record:
    """A record as a store's `query` returns it.

    Attributes:
        id: UUIDv7 in its 36-character form; the primary key.
        request_id: The request's ID, as the client saw it in the response.
        trace_id: 32 hexadecimal digits of an inbound W3C ``traceparent``, or None.
        service: Name of the service that recorded it.
        instance: Host name and process ID of the recorder.
        endpoint: Flask endpoint; None when no rule matched the URL.
        route: URL rule, such as ``/orders/<int:order_id>``; None when no rule matched.
        method: HTTP method.
        path: URL path without the query string.
        status_code: As sent; None when no response was sent by the application.
        error: Qualified name of an unhandled exception's class, or None.
        started_at: Aware datetime in UTC.
        duration_ms: Milliseconds on the monotonic clock, until the request was torn down.
        weight: 1 / sampling rate, at least 1.0.
        variables: Name to value.
    """

    id: str
    request_id: str
    trace_id: str | None
    service: str
    instance: str
    endpoint: str | None
    route: str | None
    method: str
    path: str
    status_code: int | None
    error: str | None
    started_at: datetime
    duration_ms: float
    weight: float
    variables: dict[str, JsonValue]

    def as_data(self) -> RecordData:
        """Return the record in the form that it has in the journal, fit for JSON."""
        data = dict(vars(self))
        moment = self.started_at.astimezone(timezone.utc)
        data["started_at"] = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return cast("RecordData", data)


class _Process:
    """What differs between a process and its forked child: random state, process ID."""

    def __init__(self) -> None:
        self._host = socket.gethostname()
        self.after_fork()
        fork.watch(self)

    def after_fork(self) -> None:
        # A generator of our own: `random.seed(42)` in the application must not repeat IDs.
        self.random_bits = random.Random().getrandbits  # noqa: S311 - IDs are no secrets
        self.instance = f"{self._host}:{os.getpid()}"


_process = _Process()


def instance() -> str:
    """Return the host name and process ID of this process, as the field `instance` has it."""
    return _process.instance


def random_bits(count: int) -> int:
    """Return so many random bits of a generator that no other process shares; no secrets."""
    return _process.random_bits(count)


def uuid7() -> str:
    """Return a new UUID of version 7 in its 36-character form.

    The 48 bits of milliseconds are followed by 12 bits of the fraction of the millisecond
    (RFC 9562, section 6.2, method 3) and 62 random bits, so that IDs sort by time and database
    indexes grow at one end.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    bits = _process.random_bits(62)
    return (
        f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{(rest << 12) // 1_000_000:03x}"
        f"-{0x8000 | bits >> 48:04x}-{bits & 0xFFFF_FFFF_FFFF:012x}"
    )


_second: tuple[int, str] = (0, "1970-01-01T00:00:00")  # the newest second and its text


def timestamp(nanoseconds: int) -> str:
    """Return a Unix time in nanoseconds as RFC 3339 in UTC with six digits of a second.

    >>> timestamp(1_700_000_000_123_456_789)
    '2023-11-14T22:13:20.123456Z'
    """
    global _second  # noqa: PLW0603 - replaced as a whole, so that any thread may read it
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    known, text = _second
    if known != seconds:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        _second = (seconds, text)
    return f"{text}.{rest // 1000:06d}Z"


def encode(record: RecordData) -> bytes:
    """Return the record as one line of JSON with its line feed.

    Raises:
        Exception: Something in it has no JSON form; values that came through the filter have one.
    """
    return to_json(record) + b"\n"
