"""A bookshop: an application factory, blueprints, and who is logged in."""

from __future__ import annotations

import os

from flask import Flask

from bookshop import accounts, orders
from bookshop.extensions import chest, logins


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ.get("SECRET_KEY", "not a secret, this is an example")
    logins.init_app(app)
    chest.init_app(app)  # before or after other extensions, and before the first request
    app.before_request(accounts.name_the_user)
    app.register_blueprint(accounts.blueprint)
    app.register_blueprint(orders.blueprint)
    return app
