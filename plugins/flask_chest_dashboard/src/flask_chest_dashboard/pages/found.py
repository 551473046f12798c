"""The slowest and the newest failed requests, for the overview and the page of a route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request

from flask_chest_dashboard.finding import FAILED, Finder
from flask_chest_dashboard.scope import Scope
from flask_chest_dashboard.settled import settled

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page

_LIMIT: Final = 10


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the panels."""

    @dashboard.panel(views, "/overview/slowest")
    def overview_slowest() -> Page:
        """The slowest requests."""
        return shown("slowest")

    @dashboard.panel(views, "/overview/failures")
    def overview_failures() -> Page:
        """The newest requests that failed."""
        return shown("failures")

    def shown(kind: str) -> Page:
        choices, scope = dashboard.choices(), Scope.read(request.args)
        asker, where = dashboard.asker, scope.filter(choices)
        if kind == "slowest":
            records = Finder(asker, settled(asker, choices), where).slowest(_LIMIT)
        else:  # the newest of all
            records = Finder(asker, choices.window(), where).failures(_LIMIT)
        return dashboard.render(
            "overview_found.html",
            choices,
            scope=scope,
            records=records,
            kind=kind,
            failed=FAILED,
            chosen=choices.also(*scope.conditions),
            slowest=max((each.duration_ms for each in records), default=0.0),
        )
