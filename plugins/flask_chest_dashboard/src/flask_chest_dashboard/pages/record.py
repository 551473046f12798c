"""One request: everything that it recorded, and what was before and after it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from flask import abort

from flask_chest import query
from flask_chest_dashboard.details import MOST_ROWS, as_json, details, trace_address
from flask_chest_dashboard.finding import has_failed
from flask_chest_dashboard.listing import MISSING, value_in
from flask_chest_dashboard.responses import Page
from flask_chest_dashboard.scope import Scope
from flask_chest_dashboard.searching import SECONDS, search

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flask import Blueprint

    from flask_chest import Record, Store
    from flask_chest.query import Chosen
    from flask_chest_dashboard.choices import Choices
    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.searching import Searched

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NEAR: Final = 10
"""Requests before, and as many after."""

_DISTANCES: Final = {"user": timedelta(days=1), "trace": timedelta(hours=1), "request": None}
"""How far from the request those that belong to it are looked for; None for any time."""

_AROUND: Final = timedelta(hours=12)
"""How far from an older request its failures are compared."""

_LONGEST_FILTER: Final = 1_000
"""Characters. No user has a longer name."""


@dataclass(frozen=True)
class Around:
    """Requests that belong to one.

    Attributes:
        name: Of what they have in common, as in a filter.
        value: What they have in common; `MISSING` where the request has none.
        where: Their filter; None where there is none.
        records: By time, with the request itself.
        since: Where the search was broken off, as it took too long; None where it was not.
        until: The same, after the request.
    """

    name: str
    value: Any
    where: str | None
    records: Sequence[Record]
    since: datetime | None = None
    until: datetime | None = None


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels."""

    @dashboard.page(views, "/requests/<record_id>")
    def record(record_id: str) -> Page:
        return dashboard.render("record.html", dashboard.choices(), record_id=record_id[:100])

    @dashboard.panel(views, "/requests/<record_id>/details")
    def record_details(record_id: str) -> Page:
        """Everything that the request recorded."""
        choices, found = dashboard.choices(), _record(dashboard, record_id)
        if found is None:
            return _not_there(dashboard, record_id)
        older, newer = _neighbours(dashboard, found)
        rows = details(found)
        return dashboard.render(
            "record_details.html",
            choices,
            record=found,
            rows=rows[:MOST_ROWS],
            has_more=len(rows) > MOST_ROWS,
            older=older,
            newer=newer,
            failed=has_failed(found),
            chosen=_of_route(found, choices),
            scope=Scope.of(found.route, found.method),
            trace_url=trace_address(dashboard.settings.dashboard_trace_url, found.trace_id),
        )

    @dashboard.panel(views, "/requests/<record_id>/around/<of>")
    def record_around(record_id: str, of: str) -> Page:
        """The requests of the same user, of the same trace, or with the same ID."""
        if of not in _DISTANCES:
            abort(404)
        choices, found = dashboard.choices(), _record(dashboard, record_id)
        around = None if found is None else _around(dashboard, found, of)
        records = [] if around is None else around.records
        return dashboard.render(
            "record_around.html",
            choices,
            of=of,
            around=around,
            marked=found,
            slowest=max((each.duration_ms for each in records), default=0.0),
        )

    @dashboard.panel(views, "/requests/<record_id>.json")
    def record_json(record_id: str) -> Page:
        """The request as a file."""
        found = _record(dashboard, record_id)
        if found is None:
            abort(404)
        answer = Page(as_json(found), content_type="application/json; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{found.id}.json"'
        return answer


def _not_there(dashboard: Dashboard, record_id: str) -> Page:
    waiting = sum(each.pending_records for each in dashboard.asker.stats().exporters.values())
    return dashboard.render(
        "record_missing.html", dashboard.choices(), record_id=record_id, waiting=waiting
    )


def _record(dashboard: Dashboard, record_id: str) -> Record | None:
    if not _ID.fullmatch(record_id):
        return None
    # Without a time range: the ID is the primary key.
    records = dashboard.asker.records(query.condition_of("id", record_id), limit=1)
    return records[0] if records else None


def _neighbours(dashboard: Dashboard, record: Record) -> tuple[Record | None, Record | None]:
    """Return the requests before and after one, in the order of time."""

    def ask() -> tuple[Record | None, Record | None]:
        store, chosen = dashboard.asker.store, query.Chosen(None, None, None)
        older, newer = (
            _from(store, record, chosen, descending=each, limit=1).records for each in (True, False)
        )
        return (older[0] if older else None), (newer[0] if newer else None)

    return dashboard.asker.ask(("neighbours", record.id), ask)


def _from(
    store: Store, record: Record, chosen: Chosen, *, descending: bool, limit: int
) -> Searched:
    """Return the next records before or after one."""
    place = query.place_of(record.as_data(), query.Order(descending=descending))
    return search(
        store,
        chosen,
        descending=descending,
        after=place,
        limit=limit,
        deadline=time.monotonic() + SECONDS / 2,
    )


def _of_route(record: Record, choices: Choices) -> Choices:
    """Return the choices of all requests of the route of one, good and failed, at its time."""
    name = "path" if record.method == "JOB" else "route"
    condition = query.condition_of(name, getattr(record, name)) or ""
    chosen = choices.unfiltered().also(*filter(None, [condition]))
    window = None if choices.fault else choices.window()
    if window is not None and window.since <= record.started_at < window.until:
        return chosen
    since, until = _reach(record, _AROUND)
    if since is None or until is None:
        return chosen
    return replace(chosen, since=since.isoformat(), until=until.isoformat())


def _reach(record: Record, distance: timedelta | None) -> tuple[datetime | None, datetime | None]:
    try:
        if distance is not None:
            return record.started_at - distance, record.started_at + distance
    except OverflowError:
        pass  # of a clock that was wrong by centuries
    return None, None


def _around(dashboard: Dashboard, record: Record, of: str) -> Around:
    user = dashboard.settings.dashboard_user_variable
    name = {"user": user, "trace": "trace_id", "request": "request_id"}[of]
    value = value_in(record, query.name(name))
    where = None
    if value is not MISSING and value is not None and not isinstance(value, (dict, list)):
        where = query.condition_of(name, value)
    if where is None or len(where) > _LONGEST_FILTER:
        return Around(name, value, None, [])

    def ask() -> Around:
        chosen = query.chosen(where, *_reach(record, _DISTANCES[of]))
        before, after = (
            _from(dashboard.asker.store, record, chosen, descending=each, limit=_NEAR)
            for each in (True, False)
        )
        records = [*before.records[::-1], record, *after.records]
        return Around(name, value, where, records, before.searched, after.searched)

    return dashboard.asker.ask(("around", of, record.id), ask)
