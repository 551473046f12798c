"""Documents of MongoDB as records, and the count of those that are none."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Final
from uuid import UUID

from bson import Int64
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from flask_chest.record import JsonValue, Record
from flask_chest.runtime.log import Throttle

_TEXT: Final = (str,)
_OPTIONAL_TEXT: Final = (str, type(None))
_INTEGER: Final = (int, Int64)
_NUMBER: Final = (float, int, Int64)

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "request_id": _TEXT,
    "trace_id": _OPTIONAL_TEXT,
    "service": _TEXT,
    "instance": _TEXT,
    "endpoint": _OPTIONAL_TEXT,
    "route": _OPTIONAL_TEXT,
    "method": _TEXT,
    "path": _TEXT,
    "status_code": (int, Int64, type(None)),
    "error": _OPTIONAL_TEXT,
    "duration_ms": _NUMBER,
    "weight": _NUMBER,
    "variables": (RawBSONDocument,),
}
"""Of the fields that a document and a record have alike, as PyMongo decodes them."""

_MAX_MICROSECONDS: Final = 999
_MAX_SEEN: Final = 10_000


class Documents:
    """Makes records of documents. A document that is no record is passed over, counted, and said.

    Documents change by hand. One malformed time must not end every question that meets it.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._throttle = Throttle()

    @property
    def unreadable(self) -> int:
        """Number of documents, each counted once, that were no records; at most 10,000."""
        return len(self._seen)

    def records(self, documents: Iterable[RawBSONDocument], location: str) -> list[Record]:
        """Return the records among the documents, in their order.

        Args:
            documents: As they are on the wire.
            location: Where the database is, for the log.
        """
        found = []
        for document in documents:
            try:
                found.append(record(document))
            except (BSONError, KeyError, TypeError, ValueError, OverflowError) as error:
                self._pass_over(document, error, location)
        return found

    def _pass_over(self, document: RawBSONDocument, error: Exception, location: str) -> None:
        if len(self._seen) < _MAX_SEEN:
            self._seen.add(hash(document.raw))
        # Not the error's text, which may quote a value.
        self._throttle.log(
            logging.WARNING,
            "unreadable",
            f"{location} has {self.unreadable} documents among the records that are no records, "
            f"as after a change by hand. They are passed over. One of them has the _id "
            f"{_id_of(document)} ({type(error).__name__})",
        )


def _id_of(document: RawBSONDocument) -> str:
    try:
        return repr(document["_id"])
    except (BSONError, KeyError):
        return "that cannot be read"


def record(document: RawBSONDocument) -> Record:
    """Return the record of a document.

    Raises:
        BSONError: It is corrupt, or has a date that Python lacks.
        KeyError: A field is missing.
        TypeError: A field has another type.
        ValueError: The microseconds are none.
    """
    for name, types in _TYPES.items():
        if type(document[name]) not in types:
            raise TypeError(f"{name} is a {type(document[name]).__name__}")
    identity, moment = document["_id"], document["started_at"]
    if type(identity) is not UUID or type(moment) is not datetime:
        raise TypeError("the _id is no UUID, or started_at no date")
    others: dict[str, Any] = {name: as_json(document[name]) for name in _TYPES}
    return Record(
        id=str(identity),
        started_at=moment.replace(
            microsecond=moment.microsecond + _microseconds(document["started_at_us"]),
            tzinfo=timezone.utc,
        ),
        **others,
    )


def _microseconds(value: Any) -> int:  # noqa: ANN401 - what BSON has
    if type(value) not in _INTEGER:
        raise TypeError("started_at_us is no integer")
    if not 0 <= value <= _MAX_MICROSECONDS:
        raise ValueError("started_at_us is not between 0 and 999")
    return int(value)


def as_json(value: Any) -> JsonValue:  # noqa: ANN401 - what BSON has for JSON
    """Return a value of a document with the types of JSON alone, without those of BSON.

    Raises:
        TypeError: JSON has no such type, as for a date that was written by hand.
        ValueError: It is no finite number.
    """
    if isinstance(value, RawBSONDocument):
        return {name: as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    if isinstance(value, Int64):
        return int(value)
    if value is None or type(value) in (str, int, float, bool):
        if type(value) is float and not math.isfinite(value):
            raise ValueError("JSON has finite numbers alone")
        known: JsonValue = value
        return known
    raise TypeError(f"a {type(value).__name__} is no value of JSON")
