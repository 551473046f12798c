"""Elastic APM."""

from elasticapm.contrib.flask import ElasticAPM
from flask import Flask

from tests.compat.support import Case, add_routes, ask

DISTRIBUTIONS = ("elastic-apm",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    app.config["ELASTIC_APM"] = {
        "SERVICE_NAME": "shop", "SERVER_URL": "http://127.0.0.1:9", "DISABLE_SEND": True,
        "CLOUD_PROVIDER": "none", "CENTRAL_CONFIG": False,
    }  # fmt: skip
    apm = ElasticAPM(app)
    add_routes(app, chest)
    chest.init_app(app)
    ask(case, app)
    apm.client.close()
    return "plain, streamed and failed requests are one record each"
