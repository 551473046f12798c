"""Sentry: its middleware around `app.wsgi_app`, and its signals."""

import sentry_sdk
from flask import Flask, g
from sentry_sdk.integrations.flask import FlaskIntegration

from tests.compat.support import Case, check

DISTRIBUTIONS = ("sentry-sdk",)


def run(folder):
    sent = []
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=sent.append,
        integrations=[FlaskIntegration()],
        traces_sample_rate=1.0,
    )
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")

    @app.get("/<what>")
    @chest.track("user_id")
    def index(what):
        g.user_id = "u-1"
        if what == "fails":
            raise RuntimeError("no")
        return app.response_class(iter(["a", "b"])) if what == "stream" else "ok"

    chest.init_app(app)
    with case.client(app) as client:
        assert [client.get(f"/{w}").status_code for w in ("fine", "stream", "fails")] == [
            200,
            200,
            500,
        ]
    fine, stream, failed = case.records(3)
    for record, status, error in (
        (fine, 200, None),
        (stream, 200, None),
        (failed, 500, "RuntimeError"),
    ):
        check(record, status_code=status, error=error, variables={"user_id": "u-1"})
    return "plain, streamed and failed requests are one record each"
