"""Flask-Talisman: a redirect to HTTPS in front of every view."""

from flask import Flask, g
from flask_talisman import Talisman

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-talisman",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    Talisman(app)

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    chest.init_app(app)
    with case.client(app) as client:
        answer = client.get("/")
    assert answer.status_code == 302
    assert answer.headers["X-Request-ID"]
    check(case.only(), status_code=302, error=None, variables={})
    return "its redirect is a record, 302"
