"""Logging in and out, and the ID of the user on every record."""

from __future__ import annotations

from flask import Blueprint, abort, g, request
from flask_login import UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.security import check_password_hash, generate_password_hash

from bookshop.extensions import chest, logins

blueprint = Blueprint("accounts", __name__)
chest.track("user_id")(blueprint)

_PASSWORDS = {name: generate_password_hash("read more books") for name in ("ann", "ben")}


class User(UserMixin):
    def __init__(self, name: str) -> None:
        self.id = name


@logins.user_loader
def load(name: str) -> User | None:
    return User(name) if name in _PASSWORDS else None


def name_the_user() -> None:
    """Put who is logged in on `g`, before the view runs."""
    if current_user.is_authenticated:
        g.user_id = current_user.get_id()


@blueprint.post("/login")
def login() -> str:
    name = request.form["name"]
    if not check_password_hash(_PASSWORDS.get(name, ""), request.form["password"]):
        abort(401)
    login_user(User(name))
    g.user_id = name  # who was nobody yet when the request began
    return f"Hello {name}"


@blueprint.post("/logout")
@login_required
def logout() -> str:
    logout_user()
    return "Good bye"
