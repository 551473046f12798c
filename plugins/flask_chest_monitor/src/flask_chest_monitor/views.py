"""The views: live, ready, health and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from flask import Response, current_app, jsonify, request

from flask_chest.views import Views
from flask_chest_monitor.access import Access
from flask_chest_monitor.health import health

if TYPE_CHECKING:
    from flask_chest import FlaskChest
    from flask_chest_monitor.config import MonitorSettings

NAME: Final = "chest_monitor"
_READY_SECONDS: Final = 1.0
"""So long, an answer of the journal is used again: whoever may probe must not fill the disk."""


class _Probe:
    """Asks whether the journal takes records, at most once in a second."""

    def __init__(self, ask: Callable[[], str | None]) -> None:
        self._ask = ask
        self._asked_at: float | None = None
        self._answer: str | None = None

    def __call__(self) -> str | None:
        now = time.monotonic()
        if self._asked_at is None or now - self._asked_at >= _READY_SECONDS:
            self._answer, self._asked_at = self._ask(), now
        return self._answer


def monitor_views(chest: FlaskChest, settings: MonitorSettings) -> Views:
    """Return a blueprint with the views."""
    views = Views(NAME, __name__, url_prefix=settings.monitor_prefix)
    access = Access(settings)
    journal_fault = _Probe(chest.journal_fault)

    @views.before_request
    def refuse() -> Response | None:
        is_probe = request.endpoint in (f"{NAME}.live", f"{NAME}.ready")
        if (access.sees_probes if is_probe else access.sees_all)(request):
            return None
        if not access.takes_token:
            return _answer({"error": "this address may not look"}, 403)
        answer = _answer({"error": "send the token as `Authorization: Bearer TOKEN`"}, 401)
        answer.headers["WWW-Authenticate"] = 'Bearer realm="flask-chest"'
        return answer

    @views.get("/live")
    def live() -> Response:
        """Answer: this process does. Nothing else is touched."""
        return _answer({"live": True})

    @views.get("/ready")
    def ready() -> Response:
        """Tell whether requests are recorded. A database that is away does not matter."""
        fault = journal_fault()
        shown: dict[str, object] = {"ready": fault is None}
        if fault is not None and access.sees_all(request):
            shown["reason"] = fault  # with the path of the journal
        return _answer(shown, 200 if fault is None else 503)

    @views.get("/health")
    def show_health() -> Response:
        """Show the counters of the host, and what exceeds a threshold."""
        shown, is_healthy = health(chest.stats(), journal_fault(), settings)
        return _answer(shown, 200 if is_healthy else 503)

    if settings.monitor_metrics:

        @views.get("/metrics")
        def metrics() -> Response:
            """Show the metrics for Prometheus."""
            # Imported by the first scrape: a process that is never asked has no use for it.
            from flask_chest_monitor.collector import exposition  # noqa: PLC0415 - see above

            content, kind = exposition(current_app, chest, request.headers.get("Accept", ""))
            return Response(content, content_type=kind, headers={"Cache-Control": "no-store"})

    return views


def _answer(shown: dict[str, Any], status: int = 200) -> Response:
    answer = jsonify(shown)
    answer.status_code = status
    answer.headers["Cache-Control"] = "no-store"
    return answer
