"""Dead letters: a list, one with its record, and for who may: retry and drop."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask import abort, redirect, request

from flask_chest.errors import ConfigurationError, DeliveryBusy
from flask_chest_dashboard.outcome import Outcome

if TYPE_CHECKING:
    from flask import Blueprint
    from werkzeug.wrappers import Response

    from flask_chest.upkeep.dead_letters import DeadLetter
    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page

_SHOWN: Final = 50
"""Dead letters of one exporter in the list: so many can be retried or dropped at once."""

_FOUND: Final = 1_000
"""The newest, among which one is found by its ID."""

_TIMEOUT_SECONDS: Final = 10.0
"""How long a delivery that is under way may take until it is said that there is one."""

_logger: Final = logging.getLogger("flask_chest.dashboard")


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the pages."""

    @dashboard.panel(views, "/delivery/letters")
    def delivery_letters() -> Page:
        """The dead letters of all exporters, the newest first."""
        return dashboard.render(
            "delivery_letters.html",
            dashboard.choices(),
            exporters=[
                (name, each, *_letters(dashboard, name))
                for name, each in dashboard.asker.stats().exporters.items()
            ],
            may_manage=dashboard.access.may_manage(request),
        )

    @dashboard.page(views, "/delivery/letter")
    def dead_letter() -> Page:
        """One dead letter, with its record whole."""
        exporter = request.args.get("exporter", "")
        [letter] = _found(dashboard, exporter, [request.args.get("id", "")]) or [None]
        page = dashboard.render(
            "dead_letter.html",
            dashboard.choices(),
            exporter=exporter,
            letter=letter,
            record=None if letter is None else _record(letter),
            may_manage=dashboard.access.may_manage(request),
        )
        page.status_code = 404 if letter is None else 200
        return page

    @dashboard.page(views, "/delivery/drop")
    def confirm_drop() -> Page:
        """Ask whether dead letters are to be dropped."""
        _refuse_unless_manager(dashboard)
        exporter = request.args.get("exporter", "")
        return dashboard.render(
            "drop_letters.html",
            dashboard.choices(),
            exporter=exporter,
            letters=_found(dashboard, exporter, request.args.getlist("id")),
        )

    @dashboard.post(views, "/delivery/drop")
    def drop_letters() -> Response:
        exporter, ids = _meant(dashboard)

        def drop() -> Outcome:
            number = dashboard.chest.drop_dead_letters(exporter, ids, timeout=_TIMEOUT_SECONDS)
            return Outcome("drop", exporter, number, len(ids) - number)

        return _done(dashboard, exporter, ids, "drop", drop)

    @dashboard.post(views, "/delivery/retry")
    def retry_letters() -> Response:
        exporter, ids = _meant(dashboard)

        def retry() -> Outcome:
            report = dashboard.chest.retry_dead_letters(exporter, ids, timeout=_TIMEOUT_SECONDS)
            if report.error is not None:
                _logger.warning("Retry of dead letters of %r: %s", exporter, report.error)
            fault = "" if report.error is None else "away"
            return Outcome("retry", exporter, report.delivered, len(report.refused), fault)

        return _done(dashboard, exporter, ids, "retry", retry)


def _done(
    dashboard: Dashboard,
    exporter: str,
    ids: list[str],
    what: str,
    action: Callable[[], Outcome],
) -> Response:
    """Do something to dead letters, log it, and send the viewer to the page that tells of it."""
    try:
        outcome = action()
    except DeliveryBusy:
        outcome = Outcome(what, exporter, fault="busy")
    except ConfigurationError:
        outcome = Outcome(what, exporter, fault="mode")
    except OSError as error:
        _logger.warning("Dead letters of %r cannot be changed: %s", exporter, error)
        outcome = Outcome(what, exporter, fault="journal")
    _logger.warning(
        "Dashboard: %s of %d dead letters of %r by %s: %s Their IDs: %s",
        what,
        len(ids),
        exporter,
        _who(dashboard),
        outcome.text,
        " ".join(ids),
    )
    dashboard.asker.forget_host()
    return redirect(dashboard.link("delivery", dashboard.choices(), told=outcome.argument), 303)


def _meant(dashboard: Dashboard) -> tuple[str, list[str]]:
    """Return the exporter and the IDs that a form names."""
    _refuse_unless_manager(dashboard)
    exporter = request.form.get("exporter", "")
    only = request.form.getlist("only")
    ids = list(dict.fromkeys(only or request.form.getlist("id")))
    if exporter not in dashboard.asker.stats().exporters or not 0 < len(ids) <= _SHOWN:
        abort(400)
    return exporter, [each[:100] for each in ids]


def _refuse_unless_manager(dashboard: Dashboard) -> None:
    if not dashboard.access.may_manage(request):
        abort(403)


def _letters(dashboard: Dashboard, exporter: str) -> tuple[list[DeadLetter], str]:
    """Return the newest dead letters of an exporter, and why they cannot be read."""
    try:
        return dashboard.chest.dead_letters(exporter, limit=_SHOWN), ""
    except OSError as error:
        return [], str(error)


def _found(dashboard: Dashboard, exporter: str, ids: list[str]) -> list[DeadLetter]:
    """Return the dead letters with these IDs that are still there, the newest first."""
    try:
        letters = dashboard.chest.dead_letters(exporter, limit=_FOUND)
    except (ConfigurationError, OSError):
        return []
    return [letter for letter in letters if letter.id in ids][:_SHOWN]


def _record(letter: DeadLetter) -> str:
    """Return the record of a dead letter as a text to be read."""
    if letter.record is None:
        return letter.line.decode("utf-8", "replace")
    return json.dumps(letter.record, ensure_ascii=False, indent=2)


def _who(dashboard: Dashboard) -> str:
    """Return who sent the request, as far as that is known."""
    user = dashboard.settings.dashboard_user
    return f"{user!r} ({request.remote_addr})" if user else str(request.remote_addr)
