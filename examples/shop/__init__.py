"""A small shop API whose requests are recorded by Flask-Chest."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from examples.shop import auth, cart, catalogue, errors, exports, shipping
from examples.shop.extensions import chest

# Of the database, the journal and the log; one for each shop that runs at the same time.
DEMO = Path(os.environ.get("SHOP_FOLDER", Path(__file__).parents[2] / "demo"))


def create_app(folder: Path = DEMO) -> Flask:
    # The database and the journal of Flask-Chest are in the instance folder by default.
    app = Flask(__name__, instance_path=str(folder))
    # All workers must sign session cookies with the same key.
    app.secret_key = os.environ.get("SHOP_SECRET_KEY", "not a secret, this is a demo")
    chest.init_app(app)
    errors.install(app)
    app.before_request(auth.load_user)
    for blueprint in (auth.bp, catalogue.bp, cart.bp, shipping.bp, exports.bp):
        app.register_blueprint(blueprint)

    # Not tracked: a load balancer asks every second.
    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
