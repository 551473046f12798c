"""`MongoChange`: a transaction that changes the rollups of one MongoDB database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bson import Binary
from pymongo import DeleteMany, InsertOne

from flask_chest.rollup import Change, Mark, Row, State

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection

    from flask_chest.rollup.tiers import Tier


class MongoChange(Change):
    """A transaction that changes rollups.

    Args:
        rows: Collection of the rows.
        marks: That of the marks.
        session: In the transaction.
        state: Read within it.
    """

    def __init__(
        self,
        rows: Collection[dict[str, Any]],
        marks: Collection[dict[str, Any]],
        session: ClientSession,
        state: State,
    ) -> None:
        self._rows = rows
        self._marks = marks
        self._session = session
        self._deleted: list[DeleteMany] = []
        self._inserted: list[InsertOne[dict[str, Any]]] = []
        self.state = state

    def forget(self, marks: Sequence[Mark]) -> None:
        """Delete marks."""
        ids = [mark.id for mark in marks]
        self._marks.delete_many({"_id": {"$in": ids}}, session=self._session)

    def replace(
        self, series: int, tier: Tier, buckets: range, rows: Mapping[int, Sequence[Row]]
    ) -> None:
        """Put rows in place of those that are there. The same ones are replaced once."""
        of = {"series": series, "tier": tier}
        within = {"$gte": buckets.start, "$lt": buckets.stop}
        self._deleted.append(DeleteMany({**of, "bucket": within}))
        self._inserted += [
            InsertOne(
                {
                    **of,
                    "bucket": bucket,
                    "place": place,
                    **row._asdict(),
                    "payload": Binary(row.payload),
                }
            )
            for bucket, found in sorted(rows.items())
            for place, row in enumerate(found)
        ]

    def delete(self, series: int, tier: Tier, until: int) -> None:
        """Delete the rows of the buckets that begin before a moment."""
        before = {"series": series, "tier": tier, "bucket": {"$lt": until}}
        self._deleted.append(DeleteMany(before))

    def write(self) -> None:
        """Write what was replaced and deleted, with two commands for all series."""
        operations: list[DeleteMany | InsertOne[dict[str, Any]]] = []
        operations += self._deleted
        operations += self._inserted
        if operations:
            self._rows.bulk_write(operations, session=self._session)
