"""Log in with the user and the password of the settings, and log out."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from flask import request
from werkzeug.urls import iri_to_uri

from flask_chest_dashboard.attempts import Attempts, address_of
from flask_chest_dashboard.responses import Page, see_other

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.session import Session

OPEN: Final = ("log_in", "try_log_in", "log_out")
"""The endpoints for those who may not look."""


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the form, where there is a password."""
    session = dashboard.access.session
    if session is None:
        return
    attempts = Attempts(dashboard.file)

    @dashboard.page(views, "/login")
    def log_in() -> Page:
        if session.is_there(request):
            return see_other(_next(dashboard))
        answer = _form(dashboard)
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # Who follows a link of another site may be logged in: this request has no cookie yet.
            answer.headers["Refresh"] = f"0; url={iri_to_uri(_next(dashboard))}"
        return answer

    @dashboard.post(views, "/login")
    def try_log_in() -> Page:
        try:
            return _try(dashboard, session, attempts)
        except sqlite3.Error as error:
            fault = f"Attempts cannot be counted now: {error}. Try again in a minute."
            return _form(dashboard, 503, fault)

    @dashboard.post(views, "/logout")
    def log_out() -> Page:
        answer = see_other(dashboard.address("log_in"))
        session.end(request, answer)
        return answer


def _try(dashboard: Dashboard, session: Session, attempts: Attempts) -> Page:
    address = address_of(request)
    seconds = attempts.begin(address)
    if seconds:
        answer = _form(dashboard, 429, f"Too many attempts. Try again in {_span(seconds)}.")
        answer.headers["Retry-After"] = str(seconds)
        return answer
    if not session.is_right(request.form.get("user", ""), request.form.get("password", "")):
        attempts.failed(address)
        return _form(dashboard, 403, "User or password is wrong.")
    attempts.succeeded(address)
    answer = see_other(_next(dashboard))
    session.begin(request, answer)
    return answer


def _form(dashboard: Dashboard, status: int = 200, fault: str = "") -> Page:
    user = request.form.get("user", "")
    answer = dashboard.render("login.html", fault=fault, user=user, next=_next(dashboard))
    answer.status_code = status
    return answer


def address_here() -> str:
    """Return the address of the page that was asked for, to come back to."""
    query = request.query_string.decode("latin-1")
    return f"{quote(request.script_root + request.path)}{'?' if query else ''}{query}"


def _next(dashboard: Dashboard) -> str:
    """Return the address to go to: one of ours, whatever the form says."""
    text = request.values.get("next", "")
    overview = dashboard.address("overview")
    segments = unquote(text.partition("?")[0]).removeprefix(overview).split("/")
    is_ours = (
        text.startswith(overview)
        and text.isprintable()
        and "\\" not in text
        and not {"", ".", ".."}.intersection(segments[:-1])
        and segments[-1] not in {".", ".."}
    )
    return text if is_ours else overview


def _span(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
