"""Saved views: a page with all that was chosen on it, under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import abort, request

from flask_chest_dashboard.responses import see_other
from flask_chest_dashboard.saved_views import ViewRefused

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page

_TOLD: Final = {
    "saved": "The view is saved.",
    "renamed": "The view has another name.",
    "deleted": "The view is deleted.",
    "gone": "There is no such view any more.",
}


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the pages."""

    @dashboard.page(views, "/views")
    def saved() -> Page:
        """All saved views."""
        return dashboard.render(
            "saved.html",
            dashboard.choices(),
            views=dashboard.saved.all(),
            told=_TOLD.get(request.args.get("told", ""), ""),
            fault=dashboard.saved.fault,
        )

    @dashboard.post(views, "/views")
    def save_view() -> Page:
        form = request.form
        name, page, query = form.get("name", ""), form.get("page", ""), form.get("query", "")
        try:
            dashboard.saved.save(name, page, query, replaces="replaces" in form)
        except ViewRefused as error:
            return _refused(dashboard, error, "save_view", name, page=page, query=query)
        return _back(dashboard, "saved")

    @dashboard.post(views, "/views/<int:number>/rename")
    def rename_view(number: int) -> Page:
        name = request.form.get("name", "")
        try:
            is_there = dashboard.saved.rename(number, name)
        except ViewRefused as error:
            return _refused(dashboard, error, "rename_view", name, number=number)
        return _back(dashboard, "renamed" if is_there else "gone")

    @dashboard.page(views, "/views/<int:number>/delete")
    def confirm_delete_view(number: int) -> Page:
        """Ask whether a view is to be deleted."""
        view = dashboard.saved.find(number) or abort(404)
        return dashboard.render("delete_view.html", dashboard.choices(), view=view)

    @dashboard.post(views, "/views/<int:number>/delete")
    def delete_view(number: int) -> Page:
        return _back(dashboard, "deleted" if dashboard.saved.delete(number) else "gone")


def _back(dashboard: Dashboard, told: str) -> Page:
    return see_other(dashboard.link("saved", dashboard.choices(), told=told))


def _refused(
    dashboard: Dashboard, error: ViewRefused, endpoint: str, name: str, **own: str | int
) -> Page:
    """Return a page that says why, with the form to try again."""
    page = dashboard.render(
        "view_refused.html",
        dashboard.choices(),
        fault=str(error),
        can_replace=error.is_taken and endpoint == "save_view",
        endpoint=endpoint,
        name=name[:1_000],
        number=own.pop("number", None),
        fields=own,
    )
    page.status_code = 409 if error.is_taken else 400
    return page
