"""Flask-CORS: headers and preflight requests."""

from flask import Flask, g
from flask_cors import CORS

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-cors",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    CORS(app, expose_headers=["X-Request-ID"])

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    chest.init_app(app)
    origin = {"Origin": "https://a.example"}
    with case.client(app) as client:
        answer = client.get("/", headers=origin)
        assert answer.headers["Access-Control-Allow-Origin"]
        asked = {**origin, "Access-Control-Request-Method": "GET"}
        assert client.options("/", headers=asked).status_code == 200
    plain, preflight = case.records(2)
    check(plain, method="GET", status_code=200, variables={"user_id": "u-1"})
    check(preflight, method="OPTIONS", status_code=200, variables={})
    return "a preflight request of a tracked route is a record, OPTIONS"
