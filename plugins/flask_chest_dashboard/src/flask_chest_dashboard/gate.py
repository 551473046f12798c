"""What happens before and after each page: who may not look is sent away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Response, abort, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from flask_chest_dashboard.dashboard import NAME
from flask_chest_dashboard.pages import login
from flask_chest_dashboard.responses import Page, secured, see_other

if TYPE_CHECKING:
    from flask import Blueprint, Request
    from werkzeug.exceptions import HTTPException

    from flask_chest_dashboard.dashboard import Dashboard

_OPEN: Final = frozenset(f"{NAME}.{endpoint}" for endpoint in ("asset", *login.OPEN))
_OF_MONITOR: Final = ("live", "ready", "health", "metrics")
"""Views of flask-chest-monitor. Who asks for them takes a redirect for a healthy process."""
_NO_MONITOR: Final = (
    "No monitor answers here. Install flask-chest[monitor], and set CHEST_MONITOR_OPEN = 'probes', "
    "CHEST_MONITOR_TOKEN or CHEST_MONITOR_NETWORKS.\n"
)
_CHANGING: Final = ("POST", "PUT", "PATCH", "DELETE")
_REFUSED: Final = (
    "CHEST_DASHBOARD_ALLOW of the application says who may. If you should, log in to the "
    "application, or ask those who run it."
)


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add to the blueprint what holds for all of its pages."""

    @views.url_value_preprocessor
    def exempt(*_: object) -> None:
        # Flask-WTF would look for its own token in our forms. Its check runs before each request,
        # and before this there is no place that is early enough, and late enough to know it.
        other: Any = current_app.extensions.get("csrf")
        if type(other).__module__.startswith("flask_wtf"):
            other.exempt(views)

    @views.before_request
    def refuse() -> AnyResponse | None:
        if _is_for_monitor(request):
            return Page(_NO_MONITOR, 404, mimetype="text/plain")
        return None if request.endpoint in _OPEN else _refusal(dashboard)

    @views.after_request
    def secure(response: Response) -> Response:
        return secured(response)

    # Of others, such as those of the application's own log-in, its own handlers are asked.
    @views.errorhandler(404)
    @views.errorhandler(500)
    def fault(error: HTTPException) -> Page:
        if error.code == 404:
            return dashboard.fault(404, "There is no such page", "Begin with the overview.")
        return dashboard.fault(500, "This cannot be shown", "The log of the application says why.")

    @views.get("")
    def without_slash() -> Page:
        query = request.query_string.decode(errors="replace")
        return see_other(dashboard.queried("overview", query))

    # Those who may not look are not told which pages there are.
    @views.route("/<path:_anything>", methods=["GET", *_CHANGING])
    @views.route("/", methods=_CHANGING)
    @views.route("", methods=_CHANGING)
    def nothing(_anything: str = "") -> Page:
        abort(404)


def _is_for_monitor(request: Request) -> bool:
    """Return whether a view of the monitor is asked for where there is none."""
    return (
        request.endpoint == f"{NAME}.nothing"
        and request.path.rstrip("/").rpartition("/")[2] in _OF_MONITOR
    )


def _refusal(dashboard: Dashboard) -> AnyResponse | None:
    """Return the answer for those who may not look; None for all others."""
    said = dashboard.access.ask(request)
    if said is True:
        dashboard.let_in(request)
        return None
    if dashboard.access.session is not None and request.method in {"GET", "HEAD"}:
        return see_other(dashboard.address("log_in", next=login.address_here()))
    if isinstance(said, AnyResponse):
        return said
    return dashboard.message(403, "You may not look here", _REFUSED)
