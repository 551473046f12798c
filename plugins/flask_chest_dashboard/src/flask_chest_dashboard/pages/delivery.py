"""Whether records arrive: backlog, lag, losses, and all that was counted on the way."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from flask import request

from flask_chest_dashboard import facts
from flask_chest_dashboard.conditions import conditions, state, wellness
from flask_chest_dashboard.outcome import Outcome

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels. They ask the journal alone: the database may be away."""

    @dashboard.page(views, "/delivery")
    def delivery() -> Page:
        told = request.args.get("told", "")
        return dashboard.render(
            "delivery.html",
            dashboard.choices(),
            told=Outcome.read(told, dashboard.asker.stats().exporters) if told else None,
            why=dashboard.notices.text(request.args.get("why", "")) if told else "",
        )

    @dashboard.panel(views, "/delivery/now")
    def delivery_now() -> Page:
        """What is wrong now; the journal, the leader, and each exporter."""
        choices = dashboard.choices()
        stats = dashboard.asker.stats()
        fault = dashboard.asker.journal_fault()
        now, answered = datetime.now(timezone.utc), dashboard.asker.answered
        return dashboard.render(
            "delivery_now.html",
            choices,
            stats=stats,
            fault=fault,
            now=now,
            conditions=conditions(stats, fault, choices.zone, now, answered),
            wellness=wellness(stats, answered, choices.zone, now),
            exporters=[
                (name, each, state(each, stats, choices.zone, now), facts.of_exporter(each))
                for name, each in stats.exporters.items()
            ],
        )

    @dashboard.panel(views, "/delivery/capture")
    def delivery_capture() -> Page:
        """What happened to requests before their records were in the journal."""
        stats = dashboard.asker.stats()
        times = sorted(stats.hook_times.items(), key=lambda each: -each[1].mean_ms)
        return dashboard.render(
            "delivery_capture.html",
            dashboard.choices(),
            stats=stats,
            facts=facts.of_capture(stats),
            hook_times=times,
        )
