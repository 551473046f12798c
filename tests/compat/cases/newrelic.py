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

from flask import Flask

from tests.compat.support import Case, add_routes, ask

DISTRIBUTIONS = ("newrelic",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    add_routes(app, chest)
    app.wsgi_app = newrelic.agent.WSGIApplicationWrapper(app.wsgi_app)
    chest.init_app(app)
    ask(case, newrelic.agent.WSGIApplicationWrapper(app))
    return "on either side: plain, streamed and failed requests are one record each"
