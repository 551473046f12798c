"""The MongoDB store: one document for each record, with a durable write concern."""

from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast
from uuid import UUID

import pymongo
from bson.errors import BSONError
from pymongo import WriteConcern
from pymongo.errors import OperationFailure, PyMongoError

from flask_chest import rollup
from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable
from flask_chest.rollup import Lookout
from flask_chest.runtime import fork
from flask_chest.store import Store, aware
from flask_chest_mongo import ddl, encode, moments, removal, rollup_findings, tallies
from flask_chest_mongo.config import MAX_EXPIRE_SECONDS, MongoConfig
from flask_chest_mongo.connection import make_client
from flask_chest_mongo.decode import Documents
from flask_chest_mongo.errors import explain
from flask_chest_mongo.findings import Inspection
from flask_chest_mongo.insertion import insert
from flask_chest_mongo.reading import Reader, TimeLimit
from flask_chest_mongo.rollup_storage import MongoRollups, can_have_rollups, minute_of
from flask_chest_mongo.schema import Schema
from flask_chest_mongo.server import refuse_server
from flask_chest_mongo.variable_indexes import VariableIndexes

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pymongo import MongoClient
    from pymongo.collection import Collection
    from pymongo.database import Database

    from flask_chest.exporter import Batch, Finding
    from flask_chest.query.questions import Selection, Tally, TallyRow
    from flask_chest.record import Record
    from flask_chest.rollup import RollupStorage

CHECK_SECONDS: Final = 3.0
"""Longest wait of `check` for a connection."""

_LATER: Final = timedelta(days=2)
"""How much later than the leader the server deletes.

A leader younger than a day counts age from a record that is a day old, so it is a day late: see
docs/explanation/decisions/0024-modes-and-retention.md. Deployed daily, it always is.
"""

_GOODBYE_SECONDS: Final = 1.0
_THREADS_SECONDS: Final = 1.0


class MongoStore(Store):
    """Stores records in MongoDB. Several processes may write it and read it."""

    type: ClassVar[str] = "mongo"
    schemes: ClassVar[tuple[str, ...]] = ("mongodb",)
    config_model: ClassVar[builtins.type[BaseModel]] = MongoConfig

    _client: MongoClient[dict[str, Any]] | None = None
    _may_expire = False
    _rollups: MongoRollups | None = None
    _can_have_rollups = False

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self._documents = Documents()
        self._lookout = Lookout(self._find_others)

    @property
    def _config(self) -> MongoConfig:
        return cast("MongoConfig", self.config)

    @property
    def location(self) -> str:
        """Hosts, ports and database."""
        return self._config.location

    # -- Exporter ------------------------------------------------------------------------------

    def check(self) -> None:
        """Connect once, with a short time-out, and check whether the server takes batches.

        A refusal of the server is `ExporterUnavailable`, too: it may be remedied while the records
        wait.

        Raises:
            ExporterUnavailable: The server cannot be reached, or refuses what an exporter does.
        """
        patience = min(self._config.connect_timeout_seconds, CHECK_SECONDS)
        probe = MongoStore(self._config.model_copy(update={"connect_timeout_seconds": patience}))
        probe.retention, probe.knows_retention = self.retention, self.knows_retention
        threads = set(threading.enumerate())
        try:
            probe.open()
            probe.refuse_one_who_only_reads()
        except ConfigurationError as error:
            raise ExporterUnavailable(str(error)) from error
        finally:
            probe.close()
            deadline = time.monotonic() + _THREADS_SECONDS
            for thread in set(threading.enumerate()) - threads:
                if thread.name.startswith("pymongo_"):  # this process may fork next
                    thread.join(max(deadline - time.monotonic(), 0.0))

    def refuse_one_who_only_reads(self) -> None:
        """Find out whether this user may insert records.

        Raises:
            ConfigurationError: Not so. Such a user may open a store, and ask.
        """
        with self._explained():
            self._schema.try_insert()

    def open(self) -> None:
        """Connect, and create the collections or check that they are ours.

        Raises:
            ExporterUnavailable: The server cannot be reached.
            ConfigurationError: It refuses us, is too old or read-only.
            SchemaMismatch: Its collections are newer than this version, or somebody else's.
        """
        self.close()
        try:
            # PyMongo imports modules when it connects: see `fork.held_off`.
            with fork.held_off(), self._explained():
                self._client = make_client(*self._config.arguments())
                hello = refuse_server(self._client, self.location)
                self._prepare()
                self._can_have_rollups = can_have_rollups(hello)
                self._rollups = self._find_rollups(hello)
        except BaseException:
            self.close()  # the client has threads already
            raise

    def _find_rollups(self, hello: Mapping[str, Any]) -> MongoRollups | None:
        found = self._possible_rollups(hello)
        if found is None:
            return None
        if self._creates_rollups:
            return found if found.try_to_create() else None
        return found if found.is_there() else None

    def _possible_rollups(self, hello: Mapping[str, Any]) -> MongoRollups | None:
        """Return the rollups, which need not be there; None where there shall or can be none."""
        return self._any_rollups() if self._wants_rollups and can_have_rollups(hello) else None

    def _any_rollups(self) -> MongoRollups:
        return MongoRollups(
            self._database, self._config.collection_prefix, self.location, self._explained
        )

    def _marked_rollups(self) -> MongoRollups | None:
        """Return the rollups that batches and deletions mark: those that others use, too."""
        return self._rollups or self._lookout.found()

    def _find_others(self) -> MongoRollups | None:
        return self._any_rollups().of_others() if self._can_have_rollups else None

    @property
    def _wants_rollups(self) -> bool:
        # By `retention_days`, the server deletes records without their rollups being told.
        return self.rollups is not False and self._config.retention_days is None

    @property
    def _creates_rollups(self) -> bool:
        return self._wants_rollups and self.rollups is not True

    def rollup_storage(self) -> RollupStorage | None:
        """Return the rollups of the database; None when it has none, or they are not to be used."""
        return self._rollups

    def _prepare(self) -> None:
        self._schema.prepare(self._expire_seconds)
        # Not yet: commands that only read may open a store without knowing its retention.
        self._may_expire = self._expire_seconds is None and self.knows_retention

    @property
    def _schema(self) -> Schema:
        return Schema(self._database, self._config.collection_prefix, self.location)

    @property
    def _expire_seconds(self) -> int | None:
        """Age at which the server deletes a record by itself; None for never.

        With `retention`, the leader deletes and counts. The server's own deletion is for the case
        that no leader does, so it comes later.
        """
        if self._config.retention_seconds is not None or self.retention is None:
            return self._config.retention_seconds
        return min(int((self.retention + _LATER).total_seconds()), MAX_EXPIRE_SECONDS)

    @property
    def _knows_expiry(self) -> bool:
        return self.knows_retention or self._expire_seconds is not None

    def findings(self) -> list[Finding]:
        """Return version, privileges, differences of the schema, retention and size."""
        with self._looking() as hello:
            timeout_ms = self._config.server_timeout_ms
            schema, seconds = self._schema, self._expire_seconds
            wanted = VariableIndexes(self.indexed_variables)
            look = Inspection(
                *(self._database, schema, seconds, timeout_ms, wanted),
                knows_retention=self._knows_expiry,
            )
            return [*look.findings(), *self._look_at_rollups(hello)]

    def _look_at_rollups(self, hello: Mapping[str, Any]) -> Iterator[Finding]:
        if (rollups := self._possible_rollups(hello)) is not None:
            create = partial(rollup_findings.try_to_create, self._database, self._records_name)
            is_asked = self._creates_rollups and self._records_name in (self._schema.found() or ())
            yield from rollup_findings.look(rollups, create if is_asked else None)

    def ddl(self) -> list[str]:
        """Return the commands that create the schema, in the form of mongosh."""
        of = ddl.names(self._config.collection_prefix)
        more = VariableIndexes(self.indexed_variables).specifications()
        made = ddl.commands(of, self._expire_seconds, more)
        if self._creates_rollups:
            prefix = self._config.collection_prefix
            made += [*ddl.rollup_commands(prefix), ddl.rollup_beginning(prefix)]
        return [ddl.as_mongosh(self._config.database, command) for command in made]

    def repair(self) -> list[str]:
        """Create again what is missing, and replace an index or a view that was changed.

        Also what the rollups need, where there are any or they are to be.

        Raises:
            ExporterUnavailable: The server cannot be reached.
            ConfigurationError: This user may not do it.
            SchemaMismatch: A collection is somebody else's.
        """
        with self._looking() as hello:
            done = self._schema.repair()
            if self._knows_expiry and (change := self._schema.expire_after(self._expire_seconds)):
                done.append(change)
            rollups = self._possible_rollups(hello)
            if rollups is not None and (self._creates_rollups or rollups.has_collections()):
                done += rollups.repair()
            if self.indexed_variables:  # else they may be unknown, as without an application
                done += self.index_variables()
            return done

    def index_variables(self) -> list[str]:
        """Create the indexes of `indexed_variables` that are missing; drop those of others."""
        with self._explained():
            return VariableIndexes(self.indexed_variables).apply(self._records)

    @contextmanager
    def _looking(self) -> Iterator[Mapping[str, Any]]:
        """Run the block with a connection, without creating anything before.

        Yields:
            What the server says of itself.
        """
        self.close()
        try:
            with fork.held_off(), self._explained():
                self._client = make_client(*self._config.arguments())
                hello = refuse_server(self._client, self.location)
            with self._explained():
                yield hello
        finally:
            self.close()

    def export(self, batch: Batch) -> None:
        """Insert a batch, except the records whose ID is there already.

        Raises:
            ExporterUnavailable: The server cannot take it now.
            BatchRejected: It cannot take these records.
        """
        database = self._database
        try:
            found = encode.documents(batch)
            with self._explained():
                if self._may_expire:
                    self._expire_never()
                for part in encode.in_messages(batch, found):
                    insert(database, self._records_name, part, self.location)
            # Whoever is killed here delivers the batch again.
            if (rollups := self._marked_rollups()) is not None:
                rollups.mark(minute_of(each["started_at"]) for each in found)
        except (ValueError, OverflowError, BSONError) as error:
            raise BatchRejected(f"a record cannot be read: {error}") from error

    def _expire_never(self) -> None:
        """Stop the server's own deletion, as no retention is configured any more."""
        with suppress(OperationFailure):  # `findings` says so, and records are stored all the same
            self._schema.expire_after(None)
        self._may_expire = False

    def close(self) -> None:
        """Close all connections, and end the threads that watch the server."""
        client, self._client = self._client, None
        self._rollups = None
        self._lookout = Lookout(self._find_others)
        if client is not None:
            with pymongo.timeout(_GOODBYE_SECONDS):  # the server may not answer
                client.close()

    # -- Read side -----------------------------------------------------------------------------

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order."""
        with self._explained():
            return self._reader().select(selection)

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally."""
        if not tallies.can_be_asked(asked):
            yield from super().tally(asked)
            return
        with self._explained():
            yield from self._reader().tally(asked)

    def _reader(self) -> Reader:
        limit = TimeLimit(self._config.query_timeout_seconds, self.location)
        records = self._records.with_options(encode.RAW)
        return Reader(records, self._documents, limit, self.location)

    @property
    def unreadable(self) -> int:
        """Number of documents that were passed over because they are no records."""
        return self._documents.unreadable

    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records by their IDs; return how many were there."""
        ids = [UUID(record.id) for record in records]
        rollups = self._marked_rollups()
        with self._explained():
            if rollups is None:
                return removal.delete(self._records, ids)
            return rollups.delete_records(self._records, records)

    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete records that started before `before`, in short steps; return how many."""
        moment = aware("before", before)
        found = moments.compared("<", moment)

        def step() -> int | None:
            with self._explained():
                return removal.delete_oldest(self._records, found, self._config.server_timeout_ms)

        rollups = self._marked_rollups()
        kept = rollups if rollups is not None and rollups.is_marking() else None
        is_used = self._rollups is not None
        with rollup.deleting(self, kept, moment, progress, is_used=is_used):
            return removal.in_steps(step, progress)

    def expired_before(self) -> datetime | None:
        """Return which records the server deletes by itself in the next hour, by its clock."""
        if self._expire_seconds is None:
            return None
        with self._explained():
            hello = self._database.command("hello", codec_options=encode.CODEC)
        now: datetime = hello["localTime"].replace(tzinfo=timezone.utc)
        return now + timedelta(hours=1) - timedelta(seconds=self._expire_seconds)

    # -- Helpers -------------------------------------------------------------------------------

    @property
    def _database(self) -> Database[dict[str, Any]]:
        client = self._client
        if client is None:
            raise ExporterUnavailable(f"{self.location} is not open")
        return client.get_database(
            self._config.database,
            codec_options=encode.CODEC,
            write_concern=WriteConcern("majority", self._config.server_timeout_ms, j=True),
        )

    @property
    def _records_name(self) -> str:
        return f"{self._config.collection_prefix}records"

    @property
    def _records(self) -> Collection[dict[str, Any]]:
        return self._database[self._records_name]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PyMongoError as error:
            client = self._client
            topology = client.topology_description if client is not None else None
            raise explain(self.location, error, topology) from error
