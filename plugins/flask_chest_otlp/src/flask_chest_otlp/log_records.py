"""Records as log records of OTLP.

https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from flask_chest.record import JOB
from flask_chest_otlp import names
from flask_chest_otlp.attributes import any_value, attribute, key, pair
from flask_chest_otlp.resources import by_origin, envelope
from flask_chest_otlp.wire import DOUBLE, FIXED64, VARINT, length_delimited

if TYPE_CHECKING:
    from flask_chest.record import JsonValue, RecordData

_ATTRIBUTES: Final = b"\x32"
_ITEM: Final = b"\x12"  # a log record in its scope

INFO, WARN, ERROR = 9, 13, 17
_SEVERITIES: Final = {
    number: b"\x10" + VARINT[number] + length_delimited(b"\x1a", text)
    for number, text in ((INFO, b"INFO"), (WARN, b"WARN"), (ERROR, b"ERROR"))
}

REQUEST_EVENT: Final = f"{names.OWN}request"
JOB_EVENT: Final = f"{names.OWN}job"
_EVENTS: Final = {
    is_job: length_delimited(b"\x62", name.encode())
    for is_job, name in ((False, REQUEST_EVENT), (True, JOB_EVENT))
}

_UID: Final = key("log.record.uid")
_REQUEST_ID: Final = key(f"{names.OWN}request_id")
_DURATION: Final = key(f"{names.OWN}duration_ms")
_PATH: Final = key("url.path")
_DOUBLE_SIZE: Final = 11  # of an AnyValue with a double, and its tag and length
_SHORT: Final = 126  # bytes of a text whose AnyValue has a length of one byte

_Common: TypeAlias = "tuple[str, str | None, str | None, int | None, str | None, float]"
_common_fields: Final = cast(
    "Callable[[RecordData], _Common]",
    itemgetter("method", "route", "endpoint", "status_code", "error", "weight"),
)

_is_trace_id: Final = re.compile("[0-9a-f]{32}").fullmatch
_NO_TRACE: Final = "0" * 32
_MAX_TIME: Final = 2**64 - 1


def severity(status_code: int | None, error: str | None) -> int:
    """Return the severity number: ERROR of a server error, WARN of a client's, else INFO."""
    if error is not None or (status_code is not None and status_code >= 500):
        return ERROR
    return WARN if status_code is not None and 400 <= status_code < 500 else INFO


def moment_ns(started_at: str) -> int:
    """Return the Unix time of `started_at`, in nanoseconds."""
    seconds, microseconds = int(started_at[17:19]), int(started_at[20:26])
    return (_minute(started_at[:16]) + seconds) * 1_000_000_000 + microseconds * 1_000


def end_ns(record: RecordData) -> int:
    """Return when a record ended, in nanoseconds of Unix time, as OTLP can say it."""
    duration = min(max(record["duration_ms"], -_MAX_TIME), _MAX_TIME)  # else it may be infinite
    return clamped(moment_ns(record["started_at"]) + round(duration * 1_000_000))


def clamped(nanoseconds: int) -> int:
    """Return nanoseconds as OTLP can say them: from 1970 to 2554."""
    return min(max(nanoseconds, 0), _MAX_TIME)


@functools.lru_cache(maxsize=1_024)
def _minute(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


def _text(name: bytes, text: str) -> bytes:
    """Return an attribute of a log record that is a text."""
    content = text.encode()
    size = len(content)
    if size < _SHORT:  # its lengths have one byte each, so nothing is measured twice
        lengths = VARINT[len(name) + 4 + size], VARINT[2 + size], VARINT[size]
        return b"".join(
            (_ATTRIBUTES, lengths[0], name, b"\x12", lengths[1], b"\x0a", lengths[2], content)
        )
    return length_delimited(_ATTRIBUTES, pair(name, length_delimited(b"\x0a", content)))


def _double(name: bytes, number: float) -> bytes:
    """Return an attribute of a log record that is a double."""
    return b"".join(
        (_ATTRIBUTES, VARINT[len(name) + _DOUBLE_SIZE], name, b"\x12\x09\x21", DOUBLE(number))
    )


@functools.lru_cache(maxsize=4_096)
def _common(fields: _Common) -> bytes:
    """Return what many log records have in common: severity, event name and most attributes."""
    method, route, endpoint, status_code, error, weight = fields
    is_job = method == JOB
    told: list[tuple[str, JsonValue]] = []
    if is_job:
        told.append((f"{names.OWN}job", route))
    else:
        told.append(("http.request.method", names.method(method)))
        if method not in names.METHODS:
            told.append(("http.request.method_original", method))
    if route is not None and not is_job:
        told.append(("http.route", route))
    if endpoint is not None:
        told.append((f"{names.OWN}endpoint", endpoint))
    if status_code is not None:
        told.append(("http.response.status_code", status_code))
    if error is not None:
        told += [("error.type", error), ("exception.type", error)]
    elif status_code is not None and status_code >= 500:
        told.append(("error.type", str(status_code)))
    told.append((f"{names.OWN}weight", weight))
    return b"".join(
        (
            _SEVERITIES[severity(status_code, error)],
            _EVENTS[is_job],
            *(attribute(_ATTRIBUTES, name, value) for name, value in told),
        )
    )


class LogEncoder:
    """Encodes batches as requests to `/v1/logs`.

    Args:
        resource: Further attributes of each resource.
        variable_prefix: What the names of variables begin with.
        has_body: Whether a log record has a body.
    """

    def __init__(
        self, resource: Mapping[str, str], variable_prefix: str, *, has_body: bool
    ) -> None:
        self._resource = resource
        self._has_body = has_body

        def name(variable: str) -> bytes | None:
            """Return the name of the attribute; None for a fact, which has another one."""
            if _is_fact(variable):
                return None
            return key(names.of_variable(variable, variable_prefix))

        # Not a method: the cache would keep this encoder alive.
        self._name: Callable[[str], bytes | None] = functools.lru_cache(maxsize=4_096)(name)

    def request(self, records: Iterable[RecordData]) -> bytes:
        """Return an `ExportLogsServiceRequest`, the same bytes for the same records.

        Args:
            records: Well-formed ones, as `record.decode` returns them.
        """
        return b"".join(
            envelope(
                origin,
                self._resource,
                [length_delimited(_ITEM, self._log_record(record)) for record in found],
            )
            for origin, found in by_origin(records).items()
        )

    def _log_record(self, record: RecordData) -> bytes:
        began, ended = clamped(moment_ns(record["started_at"])), end_ns(record)
        parts = [
            *(b"\x09", FIXED64(began), b"\x59", FIXED64(ended)),
            _common(_common_fields(record)),
            _text(_UID, record["id"]),
            _text(_REQUEST_ID, record["request_id"]),
            _double(_DURATION, record["duration_ms"]),
        ]
        if record["method"] != JOB:
            parts.append(_text(_PATH, record["path"]))
        for name, value in record["variables"].items():
            attribute_name = self._name(name)
            if attribute_name is None:
                parts += _fact(name, value)
            elif type(value) is str:
                parts.append(_text(attribute_name, value))
            else:
                parts.append(length_delimited(_ATTRIBUTES, pair(attribute_name, any_value(value))))
        if (trace_id := record["trace_id"]) is not None:
            if _is_trace_id(trace_id) and trace_id != _NO_TRACE:
                parts += (b"\x4a\x10", bytes.fromhex(trace_id))
            else:  # a trace ID of OTLP has 16 bytes
                parts.append(attribute(_ATTRIBUTES, f"{names.OWN}trace_id", trace_id))
        if self._has_body:
            parts.append(length_delimited(b"\x2a", any_value(_line(record))))
        return b"".join(parts)


def _line(record: RecordData) -> str:
    """Return a record as a line for people."""
    place = record["route"] if record["method"] == JOB else record["path"]
    status, error = record["status_code"], record["error"]
    ends = (None if status is None else str(status), error)
    return " ".join((record["method"], place or "", *(end for end in ends if end is not None)))


# -- Facts about the request ---------------------------------------------------------------------


def _is_fact(name: str) -> bool:
    """Return whether a variable is a fact for which there is a convention."""
    is_named = name in names.FACTS or name in {names.HOST, names.RELEASE}
    return is_named or name.startswith(tuple(names.HEADERS))


def _fact(name: str, value: JsonValue) -> Iterator[bytes]:
    """Yield the attributes that a fact becomes; none for one that is not known."""
    if value is None:
        return
    if name == names.RELEASE:
        if not isinstance(value, str):  # else it is in the resource
            yield attribute(_ATTRIBUTES, names.VARIABLES + name, value)
    elif name == names.HOST:
        address, port = names.host_and_port(value) if isinstance(value, str) else (value, None)
        yield attribute(_ATTRIBUTES, "server.address", address)
        if port is not None:
            yield attribute(_ATTRIBUTES, "server.port", port)
    elif name in names.FACTS:
        yield attribute(_ATTRIBUTES, names.FACTS[name], value)
    else:
        prefix = next(prefix for prefix in names.HEADERS if name.startswith(prefix))
        values: JsonValue = value if isinstance(value, list) else [value]
        yield attribute(_ATTRIBUTES, names.HEADERS[prefix] + name.removeprefix(prefix), values)
