"""Datadog's ddtrace, which patches Flask."""

import os

os.environ.update(
    DD_TRACE_ENABLED="true",
    DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
    DD_REMOTE_CONFIGURATION_ENABLED="false",
    DD_TRACE_AGENT_URL="http://127.0.0.1:9",
)

from ddtrace import patch

patch(flask=True)

from flask import Flask, g

from tests.compat.support import Case, check

DISTRIBUTIONS = ("ddtrace",)


def run(folder):
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
    records = case.records(3)
    for record, status, error in zip(
        records, (200, 200, 500), (None, None, "RuntimeError"), strict=True
    ):
        check(record, status_code=status, error=error, variables={"user_id": "u-1"})
    return "plain, streamed and failed requests are one record each"
