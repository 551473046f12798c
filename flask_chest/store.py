"""`Store`: an exporter whose records can be read."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from typing_extensions import Unpack

from flask_chest import answers, query, rollup
from flask_chest.exporter import Exporter
from flask_chest.record import Record
from flask_chest.restrictions import RouteSummary, ValueCount, Where, aware, checked, positive
from flask_chest.rollup.declaration import Declaration

if TYPE_CHECKING:
    from flask_chest.query import Filter, Selection, Source, Tally, TallyRow
    from flask_chest.rollup import RollupStorage

__all__ = [
    "AnyExporter",
    "Declaration",
    "Position",
    "RouteSummary",
    "Store",
    "ValueCount",
    "Where",
    "another",
    "aware",
    "checked",
    "positive",
]

Position: TypeAlias = tuple[datetime, str]
"""Place of a record in the order of a store, its `started_at` and its `id`."""


class Store(Exporter):
    """An exporter whose records can be read, from any thread.

    The core sets these attributes before `open`. They are no part of `config`, and a store may do
    without them.
    """

    retention: timedelta | None = None
    """How long records are kept, by `retention` of the entry or CHEST_RETENTION; None for ever."""

    knows_retention: bool = True
    """Whether that is known. Else a database that deletes by itself goes on as before."""

    indexed_variables: tuple[str, ...] = ()
    """Variables that are to have an index of their own, by CHEST_INDEXED_VARIABLES.

    They are named as in filters: `query.variable_paths` reads them.
    """

    rollups: Declaration | bool = True
    """What is rolled up, by CHEST_ROLLUPS; True for what the database has, False for none."""

    def refuse_missing(self) -> None:
        """Raise a `ConfigurationError` if `open` would create the database. Readers call it."""

    @abstractmethod
    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order.

        What cannot be read as a record, as after a change by hand, is passed over and counted. So
        there are fewer than `selection.limit` only if no other record follows.

        Raises:
            ExporterUnavailable: The database cannot be read now.
            QueryTimeout: It took longer than this store allows a query.
        """

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally, in any order.

        All records are read, unless a store overrides this.

        Raises:
            ExporterUnavailable: The database cannot be read now.
            QueryTimeout: It took longer than this store allows a query.
        """
        chosen = query.Chosen(asked.where, asked.since, asked.until)
        found = query.records(self, chosen, query.Order())
        return query.tally(found, replace(asked, where=None))

    def records(
        self,
        where: str | Filter | None = None,
        *,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        order_by: str = "-started_at",
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Yield records one by one, in bounded memory: they are read a page at a time.

        Args:
            where: Filter, such as ``tenant == 'acme' and duration_ms > 500``:
                docs/reference/filters.md.
            since: They started then or later: an aware datetime, ISO 8601, or a distance back, such
                as ``24h``.
            until: They started before.
            order_by: A field or a variable, with a minus sign in front for the largest first.
            limit: At most so many; None for all.

        Raises:
            FilterError: The filter cannot be read, or cannot match.
            QueryError: Another argument cannot be read.
            ExporterUnavailable: The database cannot be read now.
            QueryTimeout: A page took longer than this store allows a query.
        """
        order = query.order(order_by)
        most = query.positive("limit", limit)
        return query.records(self, query.chosen(where, since, until), order, most)

    def measure(
        self,
        *measures: str,
        by: Sequence[str] = (),
        every: str | None = None,
        tz: str = "UTC",
        where: str | Filter | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        order_by: str | None = None,
        limit: int | None = 100,
        exact: int | None = None,
        explain: bool = False,
    ) -> list[dict[str, Any]]:
        """Return one row for each group and each bucket of time: docs/reference/measures.md.

        Args:
            measures: Such as ``count``, ``error_rate``, ``p95(duration_ms)``, ``sum(cost_usd)``.
            by: Fields and variables whose values make the groups, such as ``route``.
            every: Length of a bucket, such as ``5m``, ``1h``, ``1d``, ``1w``, ``1mo``. Empty
                buckets are there, too.
            tz: Time zone of the buckets, such as ``Europe/Berlin``.
            where: Filter.
            since: As for `records`.
            until: As for `records`.
            order_by: One of the measures or of `by`, with a minus sign in front for the largest
                first; None for the first measure, the largest first. No histogram.
            limit: Most groups. The others are one more row, whose ``rest`` is their number. None
                for all.
            exact: Percentiles of up to so many records are exact; of more, within 2.2 %. None for
                20,000.
            explain: Then the rows have a first one beside them, which says where the answer comes
                from: ``{"explain": [...]}``.

        Raises:
            FilterError: The filter cannot be read, or cannot match.
            QueryError: Another argument cannot be read, or there are too many rows.
            ExporterUnavailable: The database cannot be read now.
            QueryTimeout: It took longer than this store allows a query.
        """
        chosen = query.chosen(where, since, until)
        read = functools.partial(query.read_question, by=by, every=every, tz=tz, chosen=chosen)
        asked = read(measures, order_by=order_by, limit=limit, exact=exact)
        rows, sources = query.measure(self, self._source(), asked)
        return [{"explain": sources}, *rows] if explain else rows

    def differences(
        self,
        where: str | Filter,
        *,
        against: str | Filter | None = None,
        among: Sequence[str] | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        limit: int = 20,
    ) -> list[dict[str, Any]]:
        """Return which values are over-represented in some records: docs/reference/measures.md.

        Args:
            where: Filter of these records.
            against: Filter of those that they are compared with; None for all that `where` does not
                choose.
            among: Fields and variables whose values are looked at; None for all that there are.
            since: As for `records`.
            until: As for `records`.
            limit: Most rows.

        Returns:
            Rows, the largest difference of shares first. Each has the keys `name`, `value`,
            `share`, `other_share`, `count`, `other_count` and `where`. ``where`` is the filter that
            chooses the value, such as ``model == 'large'``; None where it is a dict or a list. Of
            large sets, it is estimated from samples.

        Raises:
            FilterError: A filter cannot be read, or cannot match.
            QueryError: Another argument cannot be read.
            ExporterUnavailable: The database cannot be read now.
            QueryTimeout: It took longer than this store allows a query.
        """
        first, second, chosen = query.two_sets(where, against, since, until)
        names, most = query.read_names(among), query.positive("limit", limit)
        return query.differences(self, first, second, names, chosen)[:most]

    def expired_before(self) -> datetime | None:
        """Return which records the database, or a delivery, deletes by itself in the next hour.

        Those that started before this moment. Their rollups are brought up to date before. It is
        None, unless a store overrides this.
        """
        return None

    @property
    def unreadable(self) -> int:
        """Number of records that this instance has passed over, as they cannot be read."""
        return 0

    def rollup_storage(self) -> RollupStorage | None:
        """Return the rollups of the database; None when it has none, or they are not to be used.

        There are none, unless a store overrides this.
        """
        return None

    def declared(self) -> Declaration | None:
        """Return the dimensions and measures that the rollups of the database have.

        They are what all applications that deliver to it have declared by CHEST_ROLLUPS, besides
        what is always there. Its retention is not known. None when the database has no rollups.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """
        storage = self.rollup_storage()
        state = None if storage is None else storage.state()
        return None if state is None else state.declared()

    def _source(self) -> Source:
        """Return what knows the parts of groups for `measure` and `routes`."""
        records, storage = query.FromRecords(self), self.rollup_storage()
        return records if storage is None else rollup.Planned(records, storage)

    # -- Short forms ---------------------------------------------------------------------------

    def query(
        self, *, limit: int = 100, newest_first: bool = True, **where: Unpack[Where]
    ) -> list[Record]:
        """Return records, in the order of `started_at`.

        Raises:
            ValueError: `limit` is not positive, or a datetime is naive.
            TypeError: A restriction is unknown, or its value has the wrong type.
            ExporterUnavailable: The database cannot be read now.
        """
        return answers.records(self, where, limit, newest_first=newest_first)

    def count(self, **where: Unpack[Where]) -> int:
        """Return the number of records, whatever their weights are.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """
        return answers.count(self, where)

    def page(
        self,
        *,
        after: Position | None = None,
        until: datetime | None = None,
        limit: int = 1_000,
    ) -> list[Record]:
        """Return the records that follow a position, in the order of `started_at` and `id`.

        What cannot be read as a record, as after a change by hand, is passed over and counted.

        Args:
            after: Position of the last record of the page before; None for the first page.
            until: Records that started at this moment or later are left out.
            limit: Most records of the page. An empty page is the last.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """
        return answers.page(self, after, until, limit)

    def routes(self, **where: Unpack[Where]) -> list[RouteSummary]:
        """Return one summary for each route and method, the one with the most requests first.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """
        return answers.routes(self, self._source(), where)

    def top_values(self, name: str, *, limit: int = 10, **where: Unpack[Where]) -> list[ValueCount]:
        """Return the most frequent values of the variable `name`, the most frequent first.

        Raises:
            ExporterUnavailable: The database cannot be read now.
        """
        return answers.top_values(self, name, limit, where)

    # -- Deletion ------------------------------------------------------------------------------

    @abstractmethod
    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records, as many as a page has; return how many were there.

        Raises:
            ExporterUnavailable: The database cannot be written now.
        """

    @abstractmethod
    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that started before `before`, an aware datetime; return the number.

        It is done in short steps, so that no writer waits for long.

        Args:
            before: The moment.
            progress: Called after each step with the number that it deleted. What it raises ends
                the purge; the steps before stay done.

        Raises:
            ExporterUnavailable: The database cannot be written now.
        """

    def retain(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete what has exceeded `retention`; return the number of records.

        The leader calls it once an hour, on an instance of its own. Calls `purge` unless
        overridden, as for a database that drops partitions, or deletes by itself.

        Args:
            before: Records that started at this moment or later are kept.
            progress: As for `purge`.

        Raises:
            ExporterUnavailable: The database cannot be written now.
        """
        return self.purge(before=before, progress=progress)

    def index_variables(self) -> list[str]:
        """Create the indexes of `indexed_variables` that are missing; drop those of others.

        The leader calls it soon after its start, on an instance of its own and beside delivery,
        which should not wait for long. Does nothing unless overridden.

        Returns:
            What was done, one sentence each.

        Raises:
            ExporterUnavailable: The database cannot be changed now. It is tried again.
        """
        return []

    def erase(self, where: str | Filter, *, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that satisfy a filter; return the number.

        All records are looked at, a page at a time, until a whole pass finds none that started
        before the call. Those that cannot be read are passed over: see `unreadable`. A store that
        can choose records itself overrides this.

        Args:
            where: The filter, such as ``user_id == 'u-17'``: docs/reference/filters.md.
            progress: Called after each page with the number of records that were looked at. What
                it raises ends the deletion; the pages before stay done.

        Raises:
            FilterError: The filter cannot be read, or cannot match.
            ExporterUnavailable: The database cannot be read or written now.
        """
        chosen = query.parse(where) if isinstance(where, str) else where
        began = datetime.now(timezone.utc)
        total = 0
        while True:
            old = 0
            for page in answers.pages(self):
                found = [record for record in page if chosen.matches(record.as_data())]
                if found and (deleted := self.delete(found)):
                    total += deleted
                    old += sum(record.started_at < began for record in found)
                if progress is not None:
                    progress(len(page))
            if not old:  # else what was behind this pass may have arrived meanwhile
                return total


AnyExporter = TypeVar("AnyExporter", bound=Exporter)
"""A class of exporters."""


def another(exporter: AnyExporter) -> AnyExporter:
    """Return a new instance of an exporter, which is not open, with the same configuration."""
    made = type(exporter)(exporter.config)
    if isinstance(exporter, Store) and isinstance(made, Store):
        made.retention = exporter.retention
        made.knows_retention = exporter.knows_retention
        made.indexed_variables = exporter.indexed_variables
        made.rollups = exporter.rollups
    return made
