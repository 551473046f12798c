"""`Dashboard`: what the pages of one application share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, request, url_for

from flask_chest import query
from flask_chest.errors import (
    ConfigurationError,
    ExporterUnavailable,
    QueryError,
    QueryTimeout,
    SchemaMismatch,
    mask_secrets,
)
from flask_chest_dashboard import values
from flask_chest_dashboard.access import Access
from flask_chest_dashboard.asking import Asker
from flask_chest_dashboard.assets import Assets
from flask_chest_dashboard.choices import RANGES, SUGGESTIONS, Choices
from flask_chest_dashboard.csrf import Tokens
from flask_chest_dashboard.file import DashboardFile, place_of
from flask_chest_dashboard.gentle import gentle
from flask_chest_dashboard.notices import Notices
from flask_chest_dashboard.rendering import environment
from flask_chest_dashboard.responses import Page
from flask_chest_dashboard.saved_views import SAVABLE, SavedViews
from flask_chest_dashboard.shared import Busy
from flask_chest_dashboard.troubles import Troubles

if TYPE_CHECKING:
    from flask import Flask, Request
    from werkzeug.wrappers import Response as AnyResponse

    from flask_chest import FlaskChest
    from flask_chest_dashboard.config import DashboardSettings

NAME: Final = "chest_dashboard"
"""Name of the blueprint."""

PAGES: Final = {
    "overview": "Overview",
    "explore": "Explore",
    "requests": "Requests",
    "delivery": "Delivery",
}
"""The pages of the navigation, by endpoint."""

_OF_STORE: Final = (QueryTimeout, ExporterUnavailable, SchemaMismatch, ConfigurationError, Busy)
_INSIDE: Final = "flask_chest_dashboard.is_inside"
_STATUS: Final = {QueryError: 400, QueryTimeout: 504, ExporterUnavailable: 503, Busy: 503}

_LOCKED: Final = (
    "The saved views are locked",
    "Something else changes the file of CHEST_DASHBOARD_FILE. Try again in a moment.",
)


class Dashboard:
    """Asks, and renders pages.

    Args:
        app: The application.
        chest: Its extension.
        settings: Of the dashboard.

    Attributes:
        chest: The extension.
        settings: Of the dashboard.
        access: Decides who may look.
        tokens: Tell whether a form was sent from a page of ours.
        asker: Asks the store.
        assets: The files that the pages load.
        file: Keeps saved views and failed attempts to log in.
        saved: The saved views.
        notices: Texts that a page says after a redirect.
    """

    def __init__(self, app: Flask, chest: FlaskChest, settings: DashboardSettings) -> None:
        self.chest = chest
        self.settings = settings
        self.access = Access(settings)
        self.tokens = Tokens(settings.dashboard_prefix)
        self.asker = Asker(chest)
        self.assets = Assets()
        self.file = DashboardFile(place_of(settings.dashboard_file, app.instance_path))
        self.saved = SavedViews(self.file)
        self.notices = Notices(self.file)
        self._panels: set[str] = set()
        self._templates = environment()
        self._templates.globals.update(
            asset=self.asset,
            condition_of=query.condition_of,
            current_query=lambda: request.query_string.decode("utf-8", "replace"),
            newest_views=self.saved.newest,
            savable=SAVABLE,
            queried=self.queried,
            value_of=values.described,
            pages=PAGES,
            ranges=RANGES,
            settings=settings,
            suggestions=SUGGESTIONS,
            troubles=Troubles(self.asker).number,
        )

    def asset(self, name: str) -> str:
        """Return the address of a file of the folder `static`."""
        return url_for(f"{NAME}.asset", hashed=self.assets.hashed(name))

    def choices(self) -> Choices:
        """Return what the viewer has chosen.

        Raises:
            QueryError: An argument of the URL cannot be read.
        """
        return Choices.read(request.args, request.cookies)

    @staticmethod
    def link(page: str, choices: Choices, **own: object) -> str:
        """Return the address of a page with these choices.

        Args:
            page: Endpoint of the page, without the name of the blueprint.
            choices: What holds for all pages.
            **own: Arguments of this page. None, an empty text and an empty list are left out.
        """
        given: dict[str, Any] = {**choices.arguments(), **own}
        kept = {name: value for name, value in given.items() if value not in (None, "", [], ())}
        return url_for(f"{NAME}.{page}", **kept)

    @staticmethod
    def queried(page: str, query: str) -> str:
        """Return the address of a page with a query string."""
        address = url_for(f"{NAME}.{page}")  # has arguments, where there are url_defaults
        return f"{address}{'&' if '?' in address else '?'}{query}".rstrip("?&")

    @classmethod
    def address(cls, page: str, **own: object) -> str:
        """Return the address of a page without choices."""
        return cls.link(page, Choices(), **own)

    def render(self, template: str, choices: Choices | None = None, **values: object) -> Page:
        """Return a page, or a part of one.

        Templates have `choices`, and `link(page, **own)` for addresses with the same choices;
        `link(page, with_=other_choices, **own)` for others.
        """
        chosen = choices or Choices()
        has_times = choices is not None and request.method == "GET"

        def link(page: str, with_: Choices | None = None, **own: object) -> str:
            return self.link(page, with_ or chosen, **own)

        text = self._templates.get_template(template).render(
            choices=chosen,
            link=link,
            page_endpoint=_endpoint(),
            zone=chosen.zone,
            zone_to_change=chosen.tz if has_times and not chosen.has_tz else "",
            theme=_theme(),
            can_log_out=self.access.has_session(request),
            is_inside=_INSIDE in request.environ,
            service=self.chest.service,
            csrf_token=self.tokens.of(request),
            **values,
        )
        answer = Page(text, content_type="text/html; charset=utf-8")
        self.tokens.remember(request, answer)
        return answer

    @staticmethod
    def let_in(request: Request) -> None:
        """Remember that whoever sent a request may look: pages have the names of all others."""
        request.environ[_INSIDE] = True

    def fault(self, status: int, title: str, text: str) -> Page:
        """Return a page that says what is wrong; of a panel, a part of one."""
        if _endpoint() not in self._panels:
            return self.message(status, title, text)
        answer = self.render("_failed.html", kind="", fault=f"{title}. {text}", waiting=None)
        answer.status_code = status
        return answer

    def message(self, status: int, title: str, text: str) -> Page:
        """Return a page that only says something.

        Args:
            status: Of HTTP.
            title: What happened, without a full stop.
            text: Why, and what to do.
        """
        answer = self.render("message.html", title=title, text=text)
        answer.status_code = status
        return answer

    def page(self, views: Blueprint, rule: str) -> Callable[[Callable[..., Page]], None]:
        """Add a page. When its URL cannot be read, a page says so."""

        def add(view: Callable[..., Page]) -> None:
            @wraps(view)
            def shown(**arguments: Any) -> Page:  # noqa: ANN401 - of the rule
                try:
                    with gentle():
                        return view(**arguments)
                except QueryError as error:
                    answer = self.render("wrong.html", fault=str(error))
                    answer.status_code = 400
                    return answer
                except Busy:
                    return self.message(503, "Many questions are asked", "Try again in a moment.")
                except sqlite3.OperationalError:
                    return self.message(503, *_LOCKED)

            views.add_url_rule(rule, view.__name__, shown)

        return add

    def panel(self, views: Blueprint, rule: str) -> Callable[[Callable[..., Page]], None]:
        """Add a part of a page that the script loads. What it cannot show, it says.

        Its endpoint is the name of the function. A page shows it by the macro `panel`.
        """

        def add(view: Callable[..., Page]) -> None:
            @wraps(view)
            def shown(**arguments: Any) -> Page:  # noqa: ANN401 - of the rule
                try:
                    with gentle():
                        return view(**arguments)
                except (QueryError, *_OF_STORE) as error:
                    return self._failed(error)

            self._panels.add(view.__name__)
            views.add_url_rule(rule, view.__name__, shown)

        return add

    def post(
        self, views: Blueprint, rule: str, *, manages: bool = False
    ) -> Callable[[Callable[..., AnyResponse]], None]:
        """Add what a form changes. It is refused unless a page of ours sent the form.

        The form has the macro `csrf` in it. The function returns `see_other(address)`; what it
        raises of the store's errors is a page.

        Args:
            views: The blueprint.
            rule: Below the prefix.
            manages: Whether it needs the right of CHEST_DASHBOARD_MANAGE.
        """

        def add(view: Callable[..., AnyResponse]) -> None:
            @wraps(view)
            def done(**arguments: Any) -> AnyResponse:  # noqa: ANN401 - of the rule
                fault = self.tokens.fault(request)
                if fault is not None:
                    return self.message(400, "Nothing was changed", fault)
                if manages and not self.access.may_manage(request):
                    return self.message(
                        403,
                        "You may not do this",
                        "CHEST_DASHBOARD_MANAGE says who may. Nothing was changed.",
                    )
                try:
                    with gentle():
                        return view(**arguments)
                except QueryError as error:
                    return self.message(400, "Nothing was changed", str(error))
                except _OF_STORE as error:
                    status = next(
                        (_STATUS[each] for each in _STATUS if isinstance(error, each)), 500
                    )
                    return self.message(status, "This could not be done", mask_secrets(str(error)))
                except sqlite3.OperationalError:
                    return self.message(503, *_LOCKED)

            views.add_url_rule(rule, view.__name__, done, methods=["POST"])

        return add

    def _failed(self, error: Exception) -> Page:
        kind = next((each for each in _STATUS if isinstance(error, each)), None)
        waiting = None
        if kind is ExporterUnavailable:
            waiting = sum(each.pending_records for each in self.asker.stats().exporters.values())
        answer = self.render(
            "_failed.html",
            kind="" if kind is None else kind.__name__,
            # What a filter says is what was typed, with a mark below its place.
            fault=str(error) if kind is QueryError else mask_secrets(str(error)),
            waiting=waiting,
        )
        answer.status_code = 500 if kind is None else _STATUS[kind]
        return answer


def _endpoint() -> str:
    return (request.endpoint or "").removeprefix(f"{NAME}.")


def _theme() -> str:
    """Return the theme that the viewer has chosen; empty for that of the system."""
    theme = request.cookies.get("chest_theme", "")
    return theme if theme in {"light", "dark"} else ""
