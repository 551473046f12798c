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

from flask import Flask

from tests.compat.support import Case, add_routes, ask

DISTRIBUTIONS = ("ddtrace",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    add_routes(app, chest)
    chest.init_app(app)
    ask(case, app)
    return "plain, streamed and failed requests are one record each"
