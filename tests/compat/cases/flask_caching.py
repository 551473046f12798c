"""Flask-Caching: an answer from the cache, for which the view does not run."""

from flask import Flask, g
from flask_caching import Cache

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-caching",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    cache = Cache(app, config={"CACHE_TYPE": "SimpleCache"})

    @app.get("/")
    @cache.cached()
    @chest.track("computed")
    def index():
        g.computed = True
        return "ok"

    chest.init_app(app)
    with case.client(app) as client:
        assert [client.get("/").text for _ in range(2)] == ["ok", "ok"]
    first, second = case.records(2)
    check(first, status_code=200, variables={"computed": True})
    check(second, status_code=200, variables={})
    return "an answer from the cache is a record without the view's variables"
