"""Flask-Limiter: a request that is refused with 429 before the view."""

from flask import Flask, g
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-limiter",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")

    @app.get("/")
    @limiter.limit("1 per hour")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    chest.init_app(app)
    with case.client(app) as client:
        assert [client.get("/").status_code for _ in range(2)] == [200, 429]
    fine, refused = case.records(2)
    check(fine, status_code=200, variables={"user_id": "u-1"})
    check(refused, status_code=429, error=None, variables={})
    return "a refused request is one record, 429"
