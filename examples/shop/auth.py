"""Login with a signed session cookie, and the user on `g` in every request."""

from __future__ import annotations

import hmac

from flask import Blueprint, abort, g, request, session
from flask.typing import ResponseReturnValue

from examples.shop.data import USERS
from examples.shop.extensions import chest

bp = Blueprint("auth", __name__)


def load_user() -> None:
    """Put the user on `g` before every view."""
    user = USERS.get(session.get("user", ""))
    if user is not None:
        g.user_id = user.id
        g.tenant = user.tenant
        g.plan = user.plan


def require_user() -> None:
    if "user_id" not in g:
        abort(401, "Log in first: POST /login")


@bp.post("/login")
@chest.track("user_id", "tenant", "login_name")
def login() -> ResponseReturnValue:
    g.login_name = request.form["user"]
    user = USERS.get(g.login_name)
    # A real shop compares hashes.
    if user is None or not hmac.compare_digest(user.pin.encode(), request.form["pin"].encode()):
        abort(401, "Wrong user or PIN")
    session["user"] = g.login_name
    load_user()
    return {"user_id": user.id, "plan": user.plan}


@bp.post("/logout")
@chest.track("user_id")
def logout() -> ResponseReturnValue:
    session.clear()
    return "", 204
