"""Resources of OTLP: which process of which service a record is from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from flask_chest import __version__
from flask_chest_otlp.attributes import attribute
from flask_chest_otlp.names import RELEASE, SCHEMA_URL
from flask_chest_otlp.wire import length_delimited

if TYPE_CHECKING:
    from flask_chest.record import JsonValue, RecordData

_ATTRIBUTES: Final = b"\x0a"  # of Resource
_SCHEMA: Final = length_delimited(b"\x1a", SCHEMA_URL.encode())  # of all four messages that have it
_SCOPE: Final = length_delimited(
    b"\x0a",
    length_delimited(b"\x0a", b"flask_chest") + length_delimited(b"\x12", __version__.encode()),
)

_is_process: Final = re.compile("[0-9]{1,18}").fullmatch


class Origin(NamedTuple):
    """What the records of one process have in common."""

    service: str
    instance: str
    release: str | None

    @classmethod
    def of(cls, record: RecordData) -> Origin:
        """Return the origin of a record."""
        release = record["variables"].get(RELEASE)
        return cls(
            record["service"], record["instance"], release if isinstance(release, str) else None
        )

    def attributes(self) -> Iterator[tuple[str, JsonValue]]:
        """Yield the attributes of the resource."""
        yield "service.name", self.service
        if self.instance:
            yield "service.instance.id", self.instance
        host, _, process = self.instance.rpartition(":")
        if host and _is_process(process):
            yield "host.name", host
            yield "process.pid", int(process)
        if self.release is not None:
            yield "service.version", self.release


def by_origin(records: Iterable[RecordData]) -> dict[Origin, list[RecordData]]:
    """Return records by their origin, in their order."""
    found: dict[Origin, list[RecordData]] = {}
    for record in records:
        found.setdefault(Origin.of(record), []).append(record)
    return found


def envelope(origin: Origin, more: Mapping[str, str], items: Iterable[bytes]) -> bytes:
    """Return a field of an export request: a `ResourceLogs` or a `ResourceMetrics`.

    The two have the same form.

    Args:
        origin: The resource.
        more: Further attributes of it.
        items: Log records or metrics, each as a field of its scope.
    """
    told = (*origin.attributes(), *more.items())
    resource = b"".join(attribute(_ATTRIBUTES, name, value) for name, value in told)
    scope = b"".join((_SCOPE, *items, _SCHEMA))
    parts = (length_delimited(b"\x0a", resource), length_delimited(b"\x12", scope), _SCHEMA)
    return length_delimited(b"\x0a", b"".join(parts))
