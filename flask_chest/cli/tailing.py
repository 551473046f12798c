"""`flask chest tail`: records as they arrive in a store, each once."""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import options, questions
from flask_chest.cli.application import NoDatabase, open_store
from flask_chest.cli.listing import RecordTable, json_line
from flask_chest.cli.missing import Unseen
from flask_chest.cli.names import Name
from flask_chest.cli.output import echo_error
from flask_chest.cli.streams import has_reader, is_broken, is_terminal, write
from flask_chest.errors import ExporterUnavailable, QueryTimeout, ended
from flask_chest.query import Filter, Tally, distance
from flask_chest.record import Record
from flask_chest.store import Store

_SLOT: Final = timedelta(seconds=1)
_NEAR: Final = timedelta(seconds=30)
"""Most records arrive within it. What is older is looked at once in a while."""

_FAR_EVERY: Final = 10
"""How many times the newest part is read for each time the whole window is."""

_SHARE: Final = 10
"""Of the time, at most one part in so many is spent with reading."""


class Follower:
    """Finds the records of a store that were not there before, whenever they arrive.

    A record arrives later than it started. So the window is counted by the second, and each second
    is read again when its number has changed. The IDs of the window are remembered, as hashes: 8
    bytes for each record.

    Args:
        store: Where they arrive.
        where: Which ones.
        since: They started then or later.
        window: How late a record may arrive, from the second look on. What is later is left out.
    """

    def __init__(
        self, store: Store, where: Filter | None, since: datetime, window: timedelta
    ) -> None:
        self._store = store
        self._where = where
        self._since = since
        self._window = window
        self._has_begun = False
        self._numbers: dict[int, int] = {}
        self._seen: dict[int, array[int]] = {}

    def new(self, now: datetime, *, all_of_it: bool = True) -> Iterator[Record]:
        """Yield the records that have arrived, by the time at which they started.

        Args:
            now: The present.
            all_of_it: Whether to look at the whole window, or at its newest part.
        """
        back = self._window if all_of_it else min(_NEAR, self._window)
        begin = max(self._since, (now - back).replace(microsecond=0))
        if not self._has_begun:  # which may be longer ago than the window
            begin, self._has_begun = self._since, True
        root = None if self._where is None else self._where.root
        asked = Tally(where=root, since=begin, slot_seconds=int(_SLOT.total_seconds()))
        numbers: dict[int, int] = {}
        for row in self._store.tally(asked):
            if row.slot is not None:
                numbers[row.slot] = numbers.get(row.slot, 0) + row.records
        for slot in sorted(numbers):
            if numbers[slot] != self._numbers.get(slot):
                yield from self._of(slot, begin)
                self._numbers[slot] = numbers[slot]
        if all_of_it:
            self._forget(begin)

    def _of(self, slot: int, begin: datetime) -> Iterator[Record]:
        seen = self._seen.setdefault(slot, array("q"))
        known = set(seen)
        started = datetime.fromtimestamp(slot, timezone.utc)
        for record in self._store.records(
            self._where, since=max(started, begin), until=started + _SLOT, order_by="started_at"
        ):
            if (mark := hash(record.id)) not in known:
                seen.append(mark)
                yield record

    def _forget(self, begin: datetime) -> None:
        oldest = int(begin.timestamp())
        for slot in [slot for slot in self._seen if slot < oldest]:
            del self._seen[slot]
            self._numbers.pop(slot, None)


def _read_window(_context: click.Context, _parameter: click.Parameter, text: str) -> timedelta:
    try:
        found = distance(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if found < _SLOT:
        raise click.BadParameter(f"{text!r} leaves no record time to arrive. Write at least 1s")
    return found


@click.command()
@questions.where
@click.option(
    "--since",
    default="10s",
    show_default=True,
    callback=options.read_moment,
    metavar="WHEN",
    help="Begin with what started then: ISO 8601, or a distance back.",
)
@click.option(
    "--window",
    default="10m",
    show_default=True,
    callback=_read_window,
    metavar="LENGTH",
    help="How late a record may arrive. One that is later is left out.",
)
@click.option(
    "--interval",
    type=options.Amount(min=0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@questions.columns
@questions.exporter
@questions.format_("table", "json")
@with_appcontext
def tail(
    *,
    where: Filter | None,
    since: datetime,
    window: timedelta,
    interval: float,
    columns: Sequence[Name],
    exporter: str | None,
    format_: str,
) -> None:
    """Show records as they arrive, until Ctrl-C.

    Each is shown once, also those that arrive late, as after an outage of the database. A database
    that is not there yet is waited for.

    \b
    Examples:
      flask chest tail --where 'status_code >= 500'
      flask chest tail --since 5m --format json | jq .path
    """  # noqa: D301 - click reads \b as "keep these lines"
    shown = RecordTable(columns)
    try:
        store = _open_when_there(exporter, interval)
        if store is None:
            return
        Unseen((where,), columns).say_at_once(store)
        if format_ == "table":
            write(shown.table.header())
        for record in _follow(Follower(store, where, since, window), interval):
            data = record.as_data()
            is_json = format_ == "json"
            write(json_line(data, columns) if is_json else shown.table.line(shown.row(data)))
            if not has_reader():
                return
    except KeyboardInterrupt:
        if is_terminal(sys.stderr):
            click.echo(err=True)  # behind ^C


def _open_when_there(exporter: str | None, interval_seconds: float) -> Store | None:
    """Return the store when the first delivery has created it; None when nobody reads stdout."""
    is_said = False
    while True:
        try:
            return open_store(exporter)
        except NoDatabase as nothing:
            if is_broken(sys.stdout):
                return None
            if not is_said:
                echo_error(f"{ended(nothing.message)} It is waited for")
            is_said = True
            time.sleep(interval_seconds)


def _follow(follower: Follower, interval_seconds: float) -> Iterator[Record]:
    """Yield records while somebody reads stdout. A database that is away is waited for."""
    turn, fault = 0, ""
    while not is_broken(sys.stdout):
        began = time.monotonic()
        try:
            yield from follower.new(datetime.now(timezone.utc), all_of_it=turn % _FAR_EVERY == 0)
            turn, fault = turn + 1, ""
        except (ExporterUnavailable, QueryTimeout) as error:
            if turn == 0:
                raise
            if fault != str(error):
                fault = str(error)
                echo_error(f"{ended(fault)} It is tried again")
        spent = time.monotonic() - began
        time.sleep(max(interval_seconds, spent * (_SHARE - 1)))
