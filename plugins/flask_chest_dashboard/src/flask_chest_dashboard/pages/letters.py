"""Dead letters: a list, one with its record, and for who may: retry and drop."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask import request

from flask_chest.errors import ConfigurationError, DeliveryBusy, mask_secrets
from flask_chest_dashboard.outcome import Outcome
from flask_chest_dashboard.responses import see_other

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest.upkeep.dead_letters import DeadLetter
    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page

_SHOWN: Final = 20
"""Dead letters of one exporter in the list."""

_AT_ONCE: Final = 100
"""Dead letters that are retried or dropped at once: the request waits for it."""

_FOUND: Final = 1_000
"""The newest, among which one is found by its ID."""

_TIMEOUT_SECONDS: Final = 10.0
"""How long a delivery that is under way may take until it is said that there is one."""

_MOST_CHARACTERS: Final = 100
"""Of an ID."""

_MAY: Final = "CHEST_DASHBOARD_MANAGE says who may. Nothing was changed."

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
            at_once=_AT_ONCE,
        )

    @dashboard.page(views, "/delivery/letter")
    def dead_letter() -> Page:
        """One dead letter, with its record whole."""
        exporter = request.args.get("exporter", "")
        letter = next(iter(_found(dashboard, exporter, [request.args.get("id", "")])), None)
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
        if not dashboard.access.may_manage(request):
            return dashboard.message(403, "You may not do this", _MAY)
        exporter = request.args.get("exporter", "")
        return dashboard.render(
            "drop_letters.html",
            dashboard.choices(),
            exporter=exporter,
            letters=_found(dashboard, exporter, request.args.getlist("id") or None),
        )

    _add_actions(views, dashboard)


def _add_actions(views: Blueprint, dashboard: Dashboard) -> None:
    """Add what changes something."""

    @dashboard.post(views, "/delivery/drop", manages=True)
    def drop_letters() -> Page:
        exporter, ids = _meant()
        if not ids:  # only what was shown is deleted
            return dashboard.message(400, "Nothing was deleted", "The form names no dead letter.")

        def drop() -> Outcome:
            number = dashboard.chest.drop_dead_letters(exporter, ids, timeout=_TIMEOUT_SECONDS)
            return Outcome("drop", exporter, number, len(ids) - number)

        return _done(dashboard, exporter, ids, "drop", drop)

    @dashboard.post(views, "/delivery/retry", manages=True)
    def retry_letters() -> Page:
        exporter, ids = _meant()
        ids = ids or [letter.id for letter in _found(dashboard, exporter, None)]

        def retry() -> Outcome:
            report = dashboard.chest.retry_dead_letters(exporter, ids, timeout=_TIMEOUT_SECONDS)
            return Outcome(
                "retry",
                exporter,
                report.delivered,
                len(report.refused),
                fault="" if report.error is None else "away",
                error=report.error or "",
            )

        return _done(dashboard, exporter, ids, "retry", retry)


def _done(
    dashboard: Dashboard,
    exporter: str,
    ids: list[str],
    what: str,
    action: Callable[[], Outcome],
) -> Page:
    """Do something to dead letters, log it, and send the viewer to the page that tells of it."""
    if exporter not in dashboard.asker.stats().exporters:
        return dashboard.message(400, "Nothing was done", "There is no such exporter.")
    try:
        outcome = action()
    except DeliveryBusy:
        outcome = Outcome(what, exporter, fault="busy")
    except ConfigurationError:
        outcome = Outcome(what, exporter, fault="mode")
    except OSError as error:
        outcome = Outcome(what, exporter, fault="journal", error=str(error))
    _logger.warning(
        "Dashboard: %s of %d dead letters of %r by %s: %s %sTheir IDs: %s",
        what,
        len(ids),
        exporter,
        _who(dashboard),
        outcome.text,
        f"{outcome.error!r} " if outcome.error else "",
        ids,
    )
    dashboard.asker.forget_host()
    why = dashboard.notices.keep(mask_secrets(outcome.error)) if outcome.error else ""
    told = outcome.argument
    return see_other(dashboard.link("delivery", dashboard.choices(), told=told, why=why))


def _meant() -> tuple[str, list[str]]:
    """Return the exporter and the IDs that a form names."""
    ids = list(dict.fromkeys(request.form.getlist("id")))[:_AT_ONCE]
    return request.form.get("exporter", ""), [each[:_MOST_CHARACTERS] for each in ids]


def _letters(dashboard: Dashboard, exporter: str) -> tuple[list[DeadLetter], str]:
    """Return the newest dead letters of an exporter, and why they cannot be read."""
    try:
        return dashboard.asker.letters(exporter, _SHOWN), ""
    except OSError as error:
        return [], str(error)


def _found(dashboard: Dashboard, exporter: str, ids: list[str] | None) -> list[DeadLetter]:
    """Return the dead letters with these IDs that are still there; without any, the newest."""
    try:
        letters = dashboard.asker.letters(exporter, _AT_ONCE if ids is None else _FOUND, ids)
    except (ConfigurationError, OSError):
        return []
    return letters[:_AT_ONCE]


def _record(letter: DeadLetter) -> str:
    """Return the record of a dead letter as a text to be read."""
    if letter.record is not None:
        with contextlib.suppress(RecursionError):  # somebody has edited the file
            return json.dumps(letter.record, ensure_ascii=False, indent=2)
    return letter.line.decode("utf-8", "replace")


def _who(dashboard: Dashboard) -> str:
    """Return who sent the request, as far as that is known."""
    address = str(request.remote_addr)
    if dashboard.access.has_session(request):
        return f"{dashboard.settings.dashboard_user!r} at {address}"
    return address
