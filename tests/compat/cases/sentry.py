"""Sentry: its middleware around `app.wsgi_app`, and its signals."""

import sentry_sdk
from flask import Flask
from sentry_sdk.integrations.flask import FlaskIntegration

from tests.compat.support import Case, add_routes, ask

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
    add_routes(app, chest)
    chest.init_app(app)
    ask(case, app)
    return "plain, streamed and failed requests are one record each"
