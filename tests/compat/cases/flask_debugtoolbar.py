"""Flask-DebugToolbar: the body of each page is changed, and the view called by its own hook."""

from flask import Flask, g
from flask_debugtoolbar import DebugToolbarExtension

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-debugtoolbar",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    app.secret_key = "k"
    app.debug = True
    DebugToolbarExtension(app)

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "<html><body>ok</body></html>"

    chest.init_app(app)
    with case.client(app) as client:
        assert "flDebug" in client.get("/").text
    check(case.only(), status_code=200, variables={"user_id": "u-1"})
    return "a page with its toolbar is one record"
