"""The list of requests: any columns, any order, any place in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flask import request

from flask_chest import query
from flask_chest.errors import ChestError
from flask_chest_dashboard import listing, paging, searching
from flask_chest_dashboard.downloads import MOST_RECORDS, csv_lines, download, json_lines
from flask_chest_dashboard.explore.missing import Hints, why_nothing
from flask_chest_dashboard.listing import PAGE_SIZE, Listing
from flask_chest_dashboard.scope import Scope
from flask_chest_dashboard.shared import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Blueprint

    from flask_chest import Record
    from flask_chest.store import Declaration
    from flask_chest_dashboard.choices import Choices
    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.paging import Turned
    from flask_chest_dashboard.responses import Page

_RECORD_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TRACE_ID: Final = re.compile("[0-9a-f]{32}")


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels."""

    @dashboard.page(views, "/requests")
    def requests() -> Page:
        choices, chosen = dashboard.choices(), Listing.read(request.args)
        at = chosen.jump(choices) if chosen.is_by_time else None
        return dashboard.render("requests.html", choices, listing=chosen, at=at)

    @dashboard.panel(views, "/requests/list")
    def requests_list() -> Page:
        """One page of the list."""
        choices, chosen = dashboard.choices(), Listing.read(request.args)
        turned = _turned(dashboard, choices, chosen)
        names = listing.offered(turned.records)
        return dashboard.render(
            "requests_list.html",
            choices,
            listing=chosen,
            turned=turned,
            offered=names,
            columns=listing.columns_of(chosen, turned.records, names, _declared(dashboard)),
            value_in=listing.value_in,
            missing=listing.MISSING,
            hints=Hints() if turned.records else why_nothing(dashboard.asker, choices, Scope()),
            previous="" if turned.previous is None else paging.written_place(turned.previous),
            next="" if turned.next is None else paging.written_place(turned.next),
            slowest=max((each.duration_ms for each in turned.records), default=0.0),
        )

    @dashboard.panel(views, "/requests/found")
    def requests_found() -> Page:
        """The requests with an ID, whatever the time range is."""
        choices, chosen = dashboard.choices(), Listing.read(request.args)
        records, is_trace = _found(dashboard, choices, chosen.find)
        return dashboard.render(
            "requests_found.html",
            choices,
            find=chosen.find,
            records=records,
            is_trace=is_trace,
            slowest=max((each.duration_ms for each in records), default=0.0),
        )

    @dashboard.panel(views, "/requests.csv")
    def requests_csv() -> Page:
        """The list as a file, with the columns that are chosen."""
        choices, chosen = dashboard.choices(), Listing.read(request.args)
        columns = chosen.columns or {}

        def lines(records: Iterator[Record]) -> Iterator[str]:
            return csv_lines(records, columns, choices.zone)

        return download(_all(dashboard, choices, chosen), lines, "requests.csv")

    @dashboard.panel(views, "/requests.jsonl")
    def requests_jsonl() -> Page:
        """The list as a file, with everything that was recorded."""
        choices, chosen = dashboard.choices(), Listing.read(request.args)
        return download(_all(dashboard, choices, chosen), json_lines, "requests.jsonl")


def _all(dashboard: Dashboard, choices: Choices, chosen: Listing) -> Iterator[Record]:
    window = choices.window()
    return dashboard.asker.store.records(
        choices.filter,
        since=window.since,
        until=window.until,
        order_by=chosen.order_by,
        limit=MOST_RECORDS,
    )


def _declared(dashboard: Dashboard) -> Declaration | None:
    """Return what CHEST_ROLLUPS declares, if it can be read: only the order of columns needs it."""
    try:
        return dashboard.asker.declared()
    except (ChestError, Busy):
        return None


def _turned(dashboard: Dashboard, choices: Choices, chosen: Listing) -> Turned:
    window = choices.window()

    def ask() -> Turned:
        store, order = dashboard.asker.store, chosen.order
        after = chosen.jump(choices) if chosen.is_by_time else None
        if chosen.after:
            after = paging.read_place(chosen.after, order, store)
        before = paging.read_place(chosen.before, order, store) if chosen.before else None
        return paging.turn(
            store,
            query.chosen(choices.filter, window.since, window.until),
            order,
            size=PAGE_SIZE,
            after=after,
            before=before,
            seconds=searching.SECONDS,
        )

    place = chosen.after, chosen.before, chosen.at
    key = ("turn", choices.filter, window.since, window.until, choices.tz, chosen.order_by, place)
    return dashboard.asker.ask(key, ask)


def _found(dashboard: Dashboard, choices: Choices, text: str) -> tuple[list[Record], bool]:
    """Return the records with an ID: that of a request, of a record, or of a trace."""
    asker = dashboard.asker
    if records := asker.records(query.condition_of("request_id", text), limit=PAGE_SIZE):
        return records, False
    if _RECORD_ID.fullmatch(text.lower()):
        return asker.records(query.condition_of("id", text.lower()), limit=1), False
    if _TRACE_ID.fullmatch(text.lower()):
        window = choices.window()  # as a trace has no index
        records = asker.records(
            query.condition_of("trace_id", text.lower()),
            since=window.since,
            until=window.until,
            order_by="started_at",
            limit=PAGE_SIZE,
        )
        return records, True
    return [], False
