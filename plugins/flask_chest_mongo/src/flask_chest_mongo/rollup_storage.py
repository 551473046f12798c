"""`MongoRollups`: the rollups of one MongoDB database.

They are changed in transactions. A replica set and `mongos` have these, a single server has not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from flask_chest.errors import ConfigurationError, ExporterUnavailable, ended
from flask_chest.rollup import Change, Mark, RollupStorage, Row, State
from flask_chest.rollup.tiers import MINUTE, floor, seconds_of
from flask_chest.runtime.log import Throttle, logger
from flask_chest_mongo import removal
from flask_chest_mongo.conditions import NOTHING
from flask_chest_mongo.ddl import (
    NAMESPACE_EXISTS,
    ROLLUP_INDEXES,
    ROLLUP_PLACE,
    ROLLUP_STATE,
    first_state,
    rollup_commands,
    rollup_names,
)
from flask_chest_mongo.errors import UNAUTHORIZED, brief
from flask_chest_mongo.insertion import try_insert
from flask_chest_mongo.rollup_change import MongoChange

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection
    from pymongo.database import Database

    from flask_chest.record import Record
    from flask_chest.rollup.tiers import Tier


_throttle: Final = Throttle()

_OURS: Final = {"_id": ROLLUP_STATE}

_PLACE: Final = list(ROLLUP_PLACE.items())

_SNAPSHOT: Final = ReadConcern("snapshot")

_PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.05
_TRANSIENT: Final = "TransientTransactionError"


class MongoRollups(RollupStorage):
    """The rollups of one MongoDB database.

    Args:
        database: With the write concern of the majority.
        prefix: First part of the names of all collections.
        location: Where the database is, for messages.
        explained: Runs a block, and raises what an error of MongoDB in it means.
    """

    def __init__(
        self,
        database: Database[dict[str, Any]],
        prefix: str,
        location: str,
        explained: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._database = database
        self._location = location
        self._explained = explained

        # What a step computes must be of the newest records and marks.
        self._rows, self._marks, self._state = (
            database.get_collection(name, read_preference=ReadPreference.PRIMARY)
            for name in rollup_names(prefix)
        )
        self._creation = rollup_commands(prefix)
        self._is_marking: bool | None = None

    def try_to_create(self) -> bool:
        """Create what is missing; return whether all of it is there.

        Without it, records are stored all the same.
        """
        try:
            self.repair()
        except OperationFailure as error:
            _throttle.log(
                logging.WARNING,
                f"{self._location} rollups",
                f"{self._location}: the collections of the rollups cannot be created or read: "
                f"{ended(brief(error))} Records are stored without them, and questions are "
                "answered from the records. Let somebody who may create them run what "
                "`flask chest schema print` shows, or set CHEST_ROLLUPS=0",
            )
            return False
        return True

    def attempts(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Yield each action that the leader needs, its collection, and what needs it.

        None of these changes anything.
        """
        for each in (self._rows, self._marks, self._state):
            yield "find", each.name, partial(each.find_one, {}, {"_id": 1})
            yield "insert", each.name, partial(try_insert, self._database, each.name)
            yield "remove", each.name, partial(each.delete_many, NOTHING)
        for each in (self._rows, self._marks):
            yield "listIndexes", each.name, each.index_information
        nothing: dict[str, Any] = {"$set": {"changes": 0}}
        yield "update", self._state.name, partial(self._state.update_many, NOTHING, nothing)

    @property
    def marks_name(self) -> str:
        """Name of the collection of marks."""
        return self._marks.name

    def repair(self) -> list[str]:
        """Create what is missing, of which all is computed anew then.

        Where the state alone is missing, this user need not be allowed to create anything.

        Returns:
            What was done, one sentence each.

        Raises:
            PyMongoError: The server refuses it.
        """
        if self._is_complete():
            return []
        missing = self._missing()
        for command in missing:
            try:
                self._database.command(command)
            except OperationFailure as error:
                if error.code != NAMESPACE_EXISTS:  # another process was faster
                    raise
        self._begin()
        what = "collections" if missing else "state"
        return [f"created the {what} of the rollups, which are computed anew"]

    def _missing(self) -> list[dict[str, Any]]:
        """Return the commands that create what is missing."""
        # Who may not list all of them is told of those that it may use.
        there = set(self._database.list_collection_names(authorizedCollections=True))
        there |= self._indexes()
        return [
            command
            for command in self._creation
            if command.get("create") not in there
            and command.get("indexes", [{}])[0].get("name") not in there
        ]

    def _begin(self) -> None:
        """Write the first state, and drop what was computed with another one."""

        def begin(session: ClientSession) -> None:
            self._rows.delete_many({}, session=session)
            self._state.delete_many({}, session=session)
            self._state.insert_one({**_OURS, **first_state()}, session=session)

        with self._database.client.start_session() as session:
            session.with_transaction(begin, _SNAPSHOT, self._database.write_concern)

    def is_there(self) -> bool:
        """Return whether the database has rollups, and this user may read them."""
        try:
            return self._is_complete()
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            return False

    def of_others(self) -> MongoRollups | None:
        """Return these, which others use, when they are there and this user may mark."""
        with self._explained():
            is_there = self.is_there()
        return self if is_there and self.is_marking(is_needed=False) else None

    def _is_complete(self) -> bool:
        is_begun = self._state.find_one(_OURS, {"_id": 1}) is not None
        return is_begun and self.has_collections()

    def has_collections(self) -> bool:
        """Return whether the collections are there, with their indexes; the state may be missing.

        Raises:
            PyMongoError: This user may not look.
        """
        return self._indexes().issuperset(ROLLUP_INDEXES)

    def _indexes(self) -> set[str]:
        """Return the names of the indexes of the rows and the marks."""
        return {*self._rows.index_information(), *self._marks.index_information()}

    def state(self) -> State | None:
        """Return the state; None when this database has no rollups."""
        with self._explained():
            found = self._state.find_one(_OURS)
        return None if found is None else State.load(found["value"], self._location)

    def marks(self, since: int, until: int) -> list[Mark]:
        """Return all marks of the minutes from `since` to before `until`."""
        within = {"minute": {"$gte": since, "$lt": until}}
        with self._explained(), closing(self._marks.find(within)) as found:
            return [Mark(each["_id"], each["minute"]) for each in found]

    def marked(self) -> set[int]:
        """Return the minutes of all marks."""
        with self._explained():
            return set(self._marks.distinct("minute"))

    def mark(self, minutes: Iterable[int], session: ClientSession | None = None) -> None:
        """Write a mark for each of these minutes, if this user may."""
        new = [{"minute": minute} for minute in sorted(set(minutes))]
        if new and self.is_marking():
            with self._explained():
                self._marks.insert_many(new, session=session)

    def is_marking(self, *, is_needed: bool = True) -> bool:
        """Return whether this user may write marks; find it out once.

        Called before the first batch or deletion, and not by `open`: who only reads needs no mark.

        Args:
            is_needed: Whether it is worth a warning that it may not.
        """
        if self._is_marking is None:
            try:
                with self._explained():
                    try_insert(self._database, self._marks.name)
            except ConfigurationError as error:
                cause = error.__cause__
                if not (isinstance(cause, OperationFailure) and cause.code == UNAUTHORIZED):
                    raise
                self._is_marking = False
                if is_needed:
                    logger.warning(
                        "%s: this user may not write %s, so the rollups get its records an hour "
                        "later: %s",
                        self._location,
                        self._marks.name,
                        error,
                    )
            else:
                self._is_marking = True
        return self._is_marking

    def rows(self, series: int, tier: Tier, since: int, until: int) -> Iterator[tuple[int, Row]]:
        """Yield the rows of the buckets from `since` to before `until`, in their order."""
        within = {"series": series, "tier": tier, "bucket": {"$gte": since, "$lt": until}}
        with self._explained(), closing(self._rows.find(within, sort=_PLACE)) as found:
            for each in found:
                yield (
                    each["bucket"],
                    Row(
                        each["key"],
                        each["records"],
                        each["weight"],
                        each["errors"],
                        bytes(each["payload"]),
                    ),
                )

    def oldest(self, series: int, tier: Tier) -> int | None:
        """Return the oldest bucket of a tier that has a row of a series."""
        with self._explained():
            found = self._rows.find_one({"series": series, "tier": tier}, sort=_PLACE)
        return None if found is None else found["bucket"]

    def delete_records(
        self, collection: Collection[dict[str, Any]], records: Sequence[Record]
    ) -> int:
        """Delete records and mark their minutes, at once; return how many there were.

        Args:
            collection: Of the records.
            records: As many as a page has.
        """
        ids = [UUID(record.id) for record in records]
        if not self.is_marking():
            with self._explained():
                return removal.delete(collection, ids)

        def delete(session: ClientSession) -> int:
            self.mark((minute_of(record.started_at) for record in records), session)
            return removal.delete(collection, ids, session)

        with self._explained(), self._database.client.start_session() as session:
            concern = self._database.write_concern
            deleted: int = session.with_transaction(delete, _SNAPSHOT, concern)
        return deleted

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Give a transaction to the block. The document of the state is its lock."""
        with self._explained(), self._database.client.start_session() as session:
            value = self._lock(session)
            try:
                change = MongoChange(
                    self._rows, self._marks, session, State.load(value, self._location)
                )
                yield change
                change.write()
                change.state.revision += 1
                new = {"$set": {"value": change.state.dump()}}
                self._state.update_one(_OURS, new, session=session)
            except BaseException:
                session.abort_transaction()
                raise
            session.commit_transaction()

    def _lock(self, session: ClientSession) -> str:
        """Begin a transaction that no other one can run beside; return the state in it.

        A transaction does not wait for another one: MongoDB refuses it.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            session.start_transaction(_SNAPSHOT, self._database.write_concern)
            try:
                found = self._state.find_one_and_update(
                    _OURS, {"$inc": {"changes": 1}}, session=session
                )
            except PyMongoError as error:
                session.abort_transaction()
                if not error.has_error_label(_TRANSIENT) or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                if found is not None:
                    value: str = found["value"]
                    return value
                session.abort_transaction()
                raise ExporterUnavailable(f"{self._location}: the rollups were dropped")


def can_have_rollups(hello: Mapping[str, Any]) -> bool:
    """Return whether a server has transactions, by what it says of itself."""
    return "setName" in hello or hello.get("msg") == "isdbgrid"


def minute_of(moment: datetime) -> int:
    """Return the beginning of the minute of an aware datetime, in Unix seconds."""
    return floor(seconds_of(moment), MINUTE)
