"""New Relic, which wraps the application in an iterable of its own."""

import os

os.environ.update(
    NEW_RELIC_LICENSE_KEY="x" * 40,
    NEW_RELIC_APP_NAME="shop",
    NEW_RELIC_DEVELOPER_MODE="true",
    NEW_RELIC_LOG="stderr",
    NEW_RELIC_LOG_LEVEL="critical",
)

import newrelic.agent

newrelic.agent.initialize()
newrelic.agent.register_application(timeout=1.0)

from flask import Flask, g, stream_with_context

from tests.compat.support import Case, check

DISTRIBUTIONS = ("newrelic",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")

    @app.get("/<what>")
    @chest.track("user_id", "late")
    def index(what):
        g.user_id = "u-1"
        if what == "fails":
            raise RuntimeError("no")
        if what == "plain":
            return "ok"

        def parts():
            yield "a"
            g.late = 1
            yield "b"

        return app.response_class(stream_with_context(parts()))

    app.wsgi_app = newrelic.agent.WSGIApplicationWrapper(app.wsgi_app)
    chest.init_app(app)
    served = newrelic.agent.WSGIApplicationWrapper(app)
    with case.client(served) as client:
        assert [client.get(f"/{w}").status_code for w in ("plain", "stream", "fails")] == [
            200,
            200,
            500,
        ]
    plain, stream, failed = case.records(3)
    check(plain, status_code=200, error=None, variables={"user_id": "u-1"})
    check(stream, status_code=200, error=None, variables={"user_id": "u-1", "late": 1})
    check(failed, status_code=500, error="RuntimeError", variables={"user_id": "u-1"})
    return "on either side: plain, streamed and failed requests are one record each"
