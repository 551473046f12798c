"""The ClickHouse store: a batch is JSON lines, which the server unpacks and stores once."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, ClassVar, Final, cast

from flask_chest import rollup
from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable, ended
from flask_chest.query import parse
from flask_chest.rollup import Declaration, Lookout
from flask_chest.runtime import fork
from flask_chest.runtime.log import Throttle
from flask_chest.store import Store, aware
from flask_chest_clickhouse import ddl, encode, erasing, expiry, rollup_findings
from flask_chest_clickhouse.config import ClickHouseConfig
from flask_chest_clickhouse.connection import Connection, identifier
from flask_chest_clickhouse.decode import Rows
from flask_chest_clickhouse.errors import ServerError, explain_insertion
from flask_chest_clickhouse.findings import Inspection
from flask_chest_clickhouse.indexes import VariableIndexes
from flask_chest_clickhouse.reading import Reader
from flask_chest_clickhouse.removal import Removal, start_of_partition
from flask_chest_clickhouse.repair import repair
from flask_chest_clickhouse.rollup_storage import ClickHouseRollups, minute_of, minutes_of
from flask_chest_clickhouse.rollup_tables import RollupTables
from flask_chest_clickhouse.schema import Schema

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flask_chest.exporter import Batch, Finding
    from flask_chest.query import Filter
    from flask_chest.query.questions import Selection, Tally, TallyRow
    from flask_chest.record import Record
    from flask_chest.rollup import RollupStorage

_throttle: Final = Throttle()

CHECK_SECONDS: Final = 3.0
"""Longest wait of `check` for a connection."""


class ClickHouseStore(Store):
    """Stores records in ClickHouse. Several processes and hosts may write it and read it."""

    type: ClassVar[str] = "clickhouse"
    schemes: ClassVar[tuple[str, ...]] = ("clickhouse", "clickhouses")
    config_model: ClassVar[builtins.type[BaseModel]] = ClickHouseConfig

    _connection: Connection | None = None
    _last_reader: Reader | None = None
    _deletions = ""
    _rollups: ClickHouseRollups | None = None

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._decoded = Rows(lambda: self.location)
        self._lookout = Lookout(self._find_others)
        self.batching = self._config.batching

    @property
    def _config(self) -> ClickHouseConfig:
        return cast("ClickHouseConfig", self.config)

    @property
    def location(self) -> str:
        """Host, port and database."""
        return self._config.location

    # -- Exporter --------------------------------------------------------------------------------

    def check(self) -> None:
        """Connect once, with a short time-out, and check whether the server takes batches.

        A refusal of the server is `ExporterUnavailable`, too: it may be remedied while the records
        wait.

        Raises:
            ExporterUnavailable: The server cannot be reached, or refuses what an exporter does.
        """
        patience = min(self._config.connect_timeout_seconds, CHECK_SECONDS)
        limits = {"connect_timeout_seconds": patience}
        probe = ClickHouseStore(self._config.model_copy(update=limits))
        probe.retention, probe.knows_retention = self.retention, self.knows_retention
        try:
            probe.open()
        except ConfigurationError as error:
            raise ExporterUnavailable(str(error)) from error
        finally:
            probe.close()

    def open(self) -> None:
        """Connect, and create the tables or check that they are ours.

        Raises:
            ExporterUnavailable: The server cannot be reached.
            ConfigurationError: It refuses us, or is too old.
            SchemaMismatch: Its tables are newer than this version, or somebody else's.
        """
        self.close()
        try:
            with fork.held_off():
                self._connection = Connection(self._config)
                schema = self._schema
                schema.refuse_old()
                found = schema.prepare(self.retention)
                if self.retention is not None and schema.names.stored in found:
                    schema.try_to_expire_after(self.retention, found)
                self._deletions = schema.last_deletion()
                self._rollups = self._find_rollups()
        except BaseException:
            self.close()
            raise

    def _find_rollups(self) -> ClickHouseRollups | None:
        found = self._possible_rollups()
        if found is None:
            return None
        try:
            if isinstance(self.rollups, Declaration):
                found.create()
            return found if found.is_there() else None
        except ConfigurationError as error:  # as for a user that may not create or read them
            _throttle.log(
                logging.WARNING,
                f"{self.location} rollups",
                f"{self.location}: the tables of the rollups cannot be created or read: "
                f"{ended(error)} "
                "Records are stored without them, and questions are answered from the records. Let "
                "somebody who may create them run what `flask chest schema print` shows, or set "
                "CHEST_ROLLUPS=0",
            )
            return None

    def _possible_rollups(self) -> ClickHouseRollups | None:
        """Return the rollups, which need not be there; None where there shall or can be none."""
        if self.rollups is False or self._config.sharded:
            return None
        return self._any_rollups()

    def _any_rollups(self) -> ClickHouseRollups:
        return ClickHouseRollups(self._open_connection, RollupTables(self._config))

    def _marked_rollups(self) -> ClickHouseRollups | None:
        """Return the rollups that batches and deletions mark: those that others use, too."""
        return self._rollups or self._lookout.found()

    def _find_others(self) -> ClickHouseRollups | None:
        return None if self._config.sharded else self._any_rollups().of_others()

    def rollup_storage(self) -> RollupStorage | None:
        """Return the rollups of the database; None when it has none, or they are not to be used.

        There are none on shards, whose servers share the work of a question.
        """
        return self._rollups

    def findings(self) -> list[Finding]:
        """Return version, privileges, differences of the schema, retention, merges and size."""
        with self._looking() as connection:
            schema = Schema(connection, self._config)
            look = Inspection(
                *(connection, schema, self._config, self.retention, self._indexes),
                knows_retention=self.knows_retention,
            )
            return [*look.findings(), *self._look_at_rollups(schema)]

    def _look_at_rollups(self, schema: Schema) -> Iterator[Finding]:
        rollups = self._possible_rollups()
        if rollups is not None and schema.names.stored in schema.found():
            yield from rollup_findings.look(
                self._open_connection,
                self._config,
                RollupTables(self._config),
                rollups.missing(),
                is_declared=isinstance(self.rollups, Declaration),
            )

    def repair(self) -> list[str]:
        """Create again what is missing, and put right what differs.

        Raises:
            ExporterUnavailable: The server cannot be reached.
            ConfigurationError: This user may not do it, or only a person can.
            SchemaMismatch: A table is somebody else's.
        """
        with self._looking() as connection:
            schema = Schema(connection, self._config)
            schema.refuse_old()
            done = repair(
                *(connection, schema, self._config, self.retention),
                knows_retention=self.knows_retention,
            )
            if self.indexed_variables:  # else they may be unknown, as without an application
                done += self._indexes.apply(connection)
            return done

    def index_variables(self) -> list[str]:
        """Create the indexes of `indexed_variables` that are missing; drop those of others."""
        return self._indexes.apply(self._open_connection)

    @property
    def _indexes(self) -> VariableIndexes:
        return VariableIndexes(self._config, self.indexed_variables)

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        """Run the block with a connection, without creating anything before."""
        self.close()
        with fork.held_off():
            self._connection = Connection(self._config)
        try:
            yield self._connection
        finally:
            self.close()

    def ddl(self) -> list[str]:
        """Return the statements that create the tables."""
        made = [each.sql for each in ddl.creation(self._config, self.retention)]
        made += self._indexes.creation()
        if isinstance(self.rollups, Declaration) and not self._config.sharded:
            made += RollupTables(self._config).creation()
        return [*made, ddl.version(self._config)]

    def export(self, batch: Batch) -> None:
        """Insert a batch. The server ignores one whose token it has seen.

        Raises:
            ExporterUnavailable: The server cannot take it now.
            BatchRejected: It cannot take these records.
        """
        connection = self._open_connection
        encode.refuse_unsound(batch)
        # What was deleted and is delivered once more, as from a backup, is stored once more.
        settings = encode.settings(self._config, f"{batch.token}{self._deletions}")
        try:
            connection.send(ddl.insertion(self._config), settings=settings, data=batch.lines)
        except ServerError as error:
            found = explain_insertion(
                self.location, error, ddl.constraint(self._config.table_prefix)
            )
            if isinstance(found, BatchRejected):
                batch.rows()  # says where the fault is
            raise found from error
        # Whoever is killed here delivers the batch again.
        if (rollups := self._marked_rollups()) is not None:
            rollups.mark(minutes_of(batch.lines))

    def close(self) -> None:
        """Close all connections."""
        connection, self._connection = self._connection, None
        self._last_reader = self._rollups = None
        self._lookout = Lookout(self._find_others)
        if connection is not None:
            connection.close()

    # -- Read side -------------------------------------------------------------------------------

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order."""
        return self._reader().select(selection)

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally."""
        return self._reader().tally(asked)

    def _reader(self) -> Reader:
        connection = self._open_connection
        if self._last_reader is None:
            table = identifier(ddl.names_of(self._config).records)
            seconds = self._config.query_timeout_seconds
            self._last_reader = Reader(connection, table, self._decoded, seconds)
        return self._last_reader

    @property
    def unreadable(self) -> int:
        """Number of rows that were passed over because they are no records."""
        return self._decoded.unreadable

    # -- Deletion --------------------------------------------------------------------------------

    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records by their IDs; return how many were there."""
        minutes = {minute_of(record.started_at) for record in records}
        with self._deleting() as removal, self._marked(minutes):
            return removal.delete(records)

    def erase(self, where: str | Filter, *, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that satisfy a filter; of many records, the server finds them."""
        chosen = parse(where) if isinstance(where, str) else where
        if self.count() <= erasing.SMALL:
            return super().erase(chosen, progress=progress)
        return erasing.erase(self, chosen, progress)

    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete records that started before `before`: whole partitions, and what is left."""
        moment = aware("before", before)
        rollups = self._marked_rollups()
        kept = rollups if rollups is not None and rollups.is_marking() else None
        updated = rollup.deleting(self, kept, moment, progress, is_used=self._rollups is not None)
        with updated, self._deleting() as removal:
            return removal.purge(moment, progress)

    def retain(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Drop the partitions that have exceeded the retention."""
        moment = start_of_partition(aware("before", before), self._config.partition_by)
        return self.purge(before=moment, progress=progress)

    def expired_before(self) -> datetime | None:
        """Return which records the server deletes by itself in the next hour, by their TTL.

        By its own clock, as that of this host may be years ahead.
        """
        if self.retention is None:
            return None
        now = int(self._open_connection.ask("SELECT toUnixTimestamp(now())"))
        moment = now + 3_600 - expiry.seconds(self.retention)
        return datetime.fromtimestamp(moment, tz=timezone.utc)

    @contextmanager
    def _deleting(self) -> Iterator[Removal]:
        yield Removal(self._open_connection, self._config)
        self._deletions = self._schema.last_deletion()

    @contextmanager
    def _marked(self, minutes: set[int]) -> Iterator[None]:
        """Mark the minutes in which the block deletes records, before it and after it.

        A mark that is made before is there when this process is killed. Rows that were computed
        meanwhile are computed again because of the other one.
        """
        rollups = self._marked_rollups()
        if rollups is not None:
            rollups.mark(minutes)
        yield
        if rollups is not None:
            rollups.mark(minutes)

    # -- Helpers ---------------------------------------------------------------------------------

    @property
    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise ExporterUnavailable(f"{self.location} is not open")
        return self._connection

    @property
    def _schema(self) -> Schema:
        return Schema(self._open_connection, self._config)
