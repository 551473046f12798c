"""Elastic APM."""

from elasticapm.contrib.flask import ElasticAPM
from flask import Flask, g

from tests.compat.support import Case, check

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

    @app.get("/<what>")
    @chest.track("user_id")
    def index(what):
        g.user_id = "u-1"
        if what == "fails":
            raise RuntimeError("no")
        return "ok"

    chest.init_app(app)
    with case.client(app) as client:
        assert [client.get(f"/{w}").status_code for w in ("fine", "fails")] == [200, 500]
    fine, failed = case.records(2)
    check(fine, status_code=200, error=None, variables={"user_id": "u-1"})
    check(failed, status_code=500, error="RuntimeError", variables={"user_id": "u-1"})
    apm.client.close()
    return "plain and failed requests are one record each"
