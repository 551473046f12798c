"""Reads records and sums of a collection, each within the time that a query is allowed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pymongo
from pymongo.errors import ExecutionTimeout, NetworkTimeout

from flask_chest.errors import QueryTimeout
from flask_chest.query.evaluate import matches
from flask_chest_mongo import selections, tallies
from flask_chest_mongo.conditions import is_exact
from flask_chest_mongo.selections import Part

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument
    from pymongo.collection import Collection
    from pymongo.command_cursor import CommandCursor
    from pymongo.cursor import Cursor

    from flask_chest.query.questions import Selection, Tally, TallyRow
    from flask_chest.record import Record
    from flask_chest_mongo.decode import Documents

    _AnyCursor: TypeAlias = Cursor[RawBSONDocument] | CommandCursor[RawBSONDocument]

_BATCH: Final = 1_000
_LEAST_SECONDS: Final = 0.001
_PLACE: Final = "chest_place"


class TimeLimit:
    """The time that one query may take, on the server and in the network together.

    Args:
        seconds: How long.
        location: Where the database is, for the message.
    """

    def __init__(self, seconds: float, location: str) -> None:
        self._seconds = self._left = seconds
        self._location = location

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Wait for the server in the block. PyMongo tells it how long it may work: `maxTimeMS`.

        Raises:
            QueryTimeout: The time is over, and the server has ended the query.
        """
        began = time.monotonic()
        try:
            with pymongo.timeout(max(self._left, _LEAST_SECONDS)):
                yield
        except (ExecutionTimeout, NetworkTimeout) as error:
            is_over = time.monotonic() - began >= self._left
            if not is_over and isinstance(error, NetworkTimeout):  # of a connection, for example
                raise
            raise QueryTimeout(
                f"{self._location}: the query took longer than {self._seconds:g} s, and was "
                "cancelled. Ask about a shorter time (`since`, `until`), name a variable that it "
                "compares in CHEST_INDEXED_VARIABLES, or raise query_timeout_seconds of the "
                "exporter"
            ) from error
        finally:
            self._left -= time.monotonic() - began


class Reader:
    """Answers one selection or tally from a collection.

    Args:
        collection: Of the records, with the codec that leaves documents as they are.
        documents: Makes records of documents.
        limit: For what is asked.
        location: Where the database is, for messages.
    """

    def __init__(
        self,
        collection: Collection[RawBSONDocument],
        documents: Documents,
        limit: TimeLimit,
        location: str,
    ) -> None:
        self._collection = collection
        self._documents = documents
        self._limit = limit
        self._location = location

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection."""
        found: dict[str, Record] = {}  # a record that arrives meanwhile moves the others on
        for part in selections.parts(selection):
            if len(found) == selection.limit:
                break
            self._add(found, part, selection)
        return list(found.values())

    def _add(self, found: dict[str, Record], part: Part, selection: Selection) -> None:
        """Add records of a part of a selection; what is passed over is made up for."""
        wanted = selection.limit - len(found)
        seen = 0
        for documents in self._batches(lambda: self._in_order(part, limit=wanted)):
            self._keep(found, documents, selection)
            seen += len(documents)
        if seen < wanted or len(found) == selection.limit:
            return
        with closing(self._batches(lambda: self._in_order(part, skip=seen))) as others:
            for documents in others:
                self._keep(found, documents, selection)
                if len(found) == selection.limit:
                    return

    def _keep(
        self, found: dict[str, Record], documents: list[RawBSONDocument], selection: Selection
    ) -> None:
        where = selection.where
        must_look = where is not None and not is_exact(where)
        for record in self._documents.records(documents, self._location):
            if len(found) == selection.limit:
                return
            if where is None or not must_look or matches(where, record.as_data()):
                found[record.id] = record

    def _in_order(self, part: Part, *, skip: int = 0, limit: int = 0) -> _AnyCursor:
        if part.by is None:
            return self._collection.find(
                part.found, sort=part.keys, skip=skip, limit=limit, allow_disk_use=True
            )
        return self._aggregate(
            [
                {"$match": part.found},
                {"$set": {_PLACE: part.by}},
                {"$sort": {_PLACE: part.keys[-1][1], **dict(part.keys)}},
                *([{"$skip": skip}] if skip else []),
                *([{"$limit": limit}] if limit else []),
                {"$unset": _PLACE},
            ]
        )

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally."""
        with closing(self._batches(lambda: self._aggregate(tallies.pipeline(asked)))) as batches:
            for found in batches:
                yield from tallies.rows(found, asked)

    def _aggregate(self, pipeline: list[dict[str, Any]]) -> CommandCursor[RawBSONDocument]:
        """Return the rows of a pipeline; the server may use its disk for it."""
        return self._collection.aggregate(pipeline, allowDiskUse=True)

    def _batches(
        self, ask: Callable[[], _AnyCursor]
    ) -> Generator[list[RawBSONDocument], None, None]:
        with self._limit.spent():
            cursor = ask()
        with closing(cursor):
            while True:
                with self._limit.spent():
                    batch = list(islice(cursor, _BATCH))
                if not batch:
                    return
                yield batch
