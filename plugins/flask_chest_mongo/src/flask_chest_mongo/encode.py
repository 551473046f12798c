"""Records as documents of MongoDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

from bson import Binary, CodecOptions, UuidRepresentation
from bson.raw_bson import RawBSONDocument
from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json
from typing_extensions import TypedDict

if TYPE_CHECKING:
    from flask_chest.exporter import Batch

CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    uuid_representation=UuidRepresentation.STANDARD
)

RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(
    document_class=RawBSONDocument, uuid_representation=UuidRepresentation.STANDARD
)
"""For documents with variables: other codecs turn an object with ``$ref`` into a `DBRef`."""

MAX_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
"""https://www.mongodb.com/docs/manual/reference/limits/#bson-documents"""

_MAX_MESSAGE_JSON_BYTES: Final = MAX_DOCUMENT_BYTES // 8
"""Most bytes of JSON for one message. BSON takes up to 7 times as many: a list's ``0,`` becomes 13.

PyMongo sends no command of much more than 16 MiB in one message.
"""


@with_config(ConfigDict(strict=True, extra="ignore", allow_inf_nan=False))
class _Document(TypedDict):
    """The fields of a record, checked and decoded in one pass by pydantic's parser."""

    _id: Annotated[UUID, Field(validation_alias="id")]
    request_id: str
    trace_id: str | None
    service: str
    instance: str
    endpoint: str | None
    route: str | None
    method: str
    path: str
    status_code: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None
    error: str | None
    started_at: AwareDatetime
    duration_ms: float
    weight: float
    variables: dict[str, Any]


_documents: Final = TypeAdapter(list[_Document])


def documents(batch: Batch) -> list[dict[str, Any]]:
    """Return a document for each record of a batch.

    A BSON date has milliseconds; `started_at_us` has the 0 to 999 microseconds beyond them.

    Raises:
        ValueError: A record is malformed. The message does not repeat it.
    """
    lines = batch.lines
    if b"NaN" in lines or b"Infinity" in lines:  # in a text, or as a number, which JSON forbids
        from_json(batch.to_json(), allow_inf_nan=False)
    try:
        made: list[dict[str, Any]] = _documents.validate_json(batch.to_json())  # type: ignore[assignment]
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from None
    if len(made) != len(batch):
        raise ValueError(f"{len(made)} records in {len(batch)} lines")
    for document in made:
        # Faster than PyMongo's own conversion of a UUID.
        document["_id"] = Binary(document["_id"].bytes, 4)
        document["started_at_us"] = document["started_at"].microsecond % 1000
    return made


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    number, *field = fault["loc"] or (0,)
    where = f"record {number}" + "".join(f", {part}" for part in field[:1])
    return f"{where}: {fault['msg']}"


def in_messages(batch: Batch, documents: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Split the documents of a batch into lists that fit into one message each."""
    if len(batch.lines) <= _MAX_MESSAGE_JSON_BYTES:
        yield documents
        return
    begin = size = 0
    for number, line in enumerate(batch.lines.split(b"\n")[:-1]):
        size += len(line)
        if size > _MAX_MESSAGE_JSON_BYTES and number > begin:
            yield documents[begin:number]
            begin, size = number, len(line)
    yield documents[begin:]
