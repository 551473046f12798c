"""Takes rows of Flask-Chest 0.0.10 over: one record for each request ID of a service."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from flask_chest.encode.record_fields import RecordFields
from flask_chest.exporter import Exporter
from flask_chest.query.filter import Filter
from flask_chest.query.nodes import And, Compare, Field, OneOf
from flask_chest.record import Record
from flask_chest.store import Store
from flask_chest.upkeep.old_rows import OldRequest, OldRows
from flask_chest.upkeep.old_variables import OldVariables
from flask_chest.upkeep.sending import OnRejected, Sending

IMPORT: Final = "IMPORT"
"""The field `method` of all these records, by which they are found: 0.0.10 kept no method."""

INSTANCE: Final = "flask-chest-0.0.10"

_PAGE: Final = 500
_SAME_TIME: Final = timedelta(seconds=1)
"""So near are the times of one import, beside a microsecond for each row."""
_MAX_ID: Final = 255
_MAX_OFFSET: Final = 86_399_999_999
"""Microseconds: the records of a file are of one day."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        rows: Number of rows that were read.
        imported: Number of records that were written; of a dry run, that would be.
        present: Number of records that the target had already.
        different: IDs of those among them that have other variables there. They were left alone.
        retimed: Number of those that have another time there than this import gives, and keep it.
        others: Services under which the target has the first of these request IDs as well.
        rejected: Number of records that the target refused.
        anonymous: Number of rows without a request ID. Each is a record.
        nameless: Number of rows without a name, which were left out.
        replaced: Number of rows of which a later one has the same request ID and name.
    """

    rows: int
    imported: int
    present: int
    different: tuple[str, ...]
    retimed: int
    others: tuple[str, ...]
    rejected: int
    anonymous: int
    nameless: int
    replaced: int


class RecordMaker:
    """Makes the record of an old request.

    Args:
        service: The field `service`.
        started_at: The field `started_at` of the first; the others follow by microseconds, in the
            order in which they were written. An aware datetime.
        variables: Makes the variables.
        fields: Take secrets out of request IDs.
    """

    def __init__(
        self, service: str, started_at: datetime, variables: OldVariables, fields: RecordFields
    ) -> None:
        self.service = service
        self._started_at = started_at
        self._variables = variables
        self._fields = fields

    def record(self, old: OldRequest) -> Record:
        """Return the record. What 0.0.10 did not keep is null, empty or 0."""
        identity = record_id(self.service, old)
        offset = min(old.place, _MAX_OFFSET)
        request_id = self._fields.request_id(old.request_id)[:_MAX_ID] if old.request_id else ""
        return Record(
            id=identity,
            request_id=request_id or identity,
            trace_id=None,
            service=self.service,
            instance=INSTANCE,
            endpoint=None,
            route=None,
            method=IMPORT,
            path="",
            status_code=None,
            error=None,
            started_at=self._started_at + timedelta(microseconds=offset),
            duration_ms=0.0,
            weight=1.0,
            variables=self._variables.take(old.values),
        )


def record_id(service: str, old: OldRequest) -> str:
    """Return the ID of an old request of a service, which is always the same for it.

    It is a UUIDv7 of the time 0, so that no ID of another record can be the same. It follows from
    the service and the request ID alone: a request that was written to several files is one record,
    and two applications that both count from 1 have records of their own.
    """
    key: tuple[object, ...] = (service, old.request_id)
    if not old.request_id:
        key = (service, "", old.table, old.unique_id, *old.values.items())
    digest = hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest[:10], "big")
    fraction, end = number & 0xFFF, number >> 12 & (1 << 62) - 1
    return str(UUID(int=0x7 << 76 | fraction << 64 | 0x2 << 62 | end))


def import_rows(
    source: OldRows,
    target: Exporter,
    maker: RecordMaker,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
    rejected: OnRejected | None = None,
) -> ImportReport:
    """Write a record for each request of a file, a page at a time.

    A record that the target has is not written again, so it can be repeated at any time.

    Args:
        source: The rows.
        target: An open exporter. One that cannot be read gets all records.
        maker: Makes the records.
        dry_run: Whether nothing is written.
        progress: Called after each page with the number of requests that it had. What it raises
            ends the import; what was written stays.
        rejected: See `OnRejected`.

    Raises:
        ExporterUnavailable: The file or the target cannot be reached now.
    """
    sending = Sending(target, rejected, "imported")
    leeway = _SAME_TIME + timedelta(microseconds=source.rows)
    run = _Import(target, maker, sending, leeway, dry_run=dry_run)
    page: list[OldRequest] = []
    for request in source:
        page.append(request)
        if len(page) == _PAGE:
            run.take(page)
            if progress is not None:
                progress(len(page))
            page = []
    if page:
        run.take(page)
        if progress is not None:
            progress(len(page))
    return run.report()


class _Import:
    """One run of an import."""

    def __init__(
        self,
        target: Exporter,
        maker: RecordMaker,
        sending: Sending,
        leeway: timedelta,
        *,
        dry_run: bool,
    ) -> None:
        self._readable = target if isinstance(target, Store) else None
        self._maker = maker
        self._sending = sending
        self._leeway = leeway
        self._dry_run = dry_run
        self._rows = self._new = self._present = self._anonymous = self._nameless = 0
        self._replaced = self._retimed = 0
        self._different: list[str] = []
        self._others: tuple[str, ...] | None = None

    def take(self, page: Sequence[OldRequest]) -> None:
        """Write the records of a page that the target does not have."""
        records = []
        for old in page:
            self._rows += old.rows
            self._anonymous += not old.request_id
            self._nameless += old.nameless
            self._replaced += old.replaced
            if old.values:
                records.append(self._maker.record(old))
        there = self._there(records)
        new = [record for record in records if record.id not in there]
        self._new += len(new)
        self._present += len(records) - len(new)
        self._different += [
            record.request_id
            for record in records
            if record.id in there and there[record.id].variables != record.variables
        ]
        self._retimed += sum(
            abs(there[record.id].started_at - record.started_at) > self._leeway
            for record in records
            if record.id in there
        )
        if new and self._others is None:
            self._others = self._other_services(new)
        if new and not self._dry_run:
            self._sending.send(new)

    def _there(self, records: Sequence[Record]) -> dict[str, Record]:
        """Return those that the target has, as it has them, by ID."""
        if self._readable is None or not records:
            return {}
        ids = tuple(record.id for record in records)
        chosen = Filter("id in (...)", OneOf(Field("id"), ids, negated=False))
        return {record.id: record for record in self._readable.records(chosen)}

    def _other_services(self, records: Sequence[Record]) -> tuple[str, ...]:
        """Return the services under which an import has written request IDs of these records."""
        if self._readable is None:
            return ()
        ids = tuple(record.request_id for record in records)
        chosen = Filter(
            "request_id in (...)",
            And(
                (
                    OneOf(Field("request_id"), ids, negated=False),
                    Compare(Field("method"), "==", IMPORT),
                    Compare(Field("service"), "!=", self._maker.service),
                )
            ),
        )
        return tuple(sorted({record.service for record in self._readable.records(chosen)}))

    def report(self) -> ImportReport:
        """Return what was done until now."""
        return ImportReport(
            rows=self._rows,
            imported=self._new if self._dry_run else self._sending.sent,
            present=self._present,
            different=tuple(self._different),
            retimed=self._retimed,
            others=self._others or (),
            rejected=self._sending.rejected,
            anonymous=self._anonymous,
            nameless=self._nameless,
            replaced=self._replaced,
        )
