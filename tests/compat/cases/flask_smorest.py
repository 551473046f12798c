"""flask-smorest: blueprints with schemas, and its own error handler."""

import marshmallow as ma
from flask import Flask, g
from flask.views import MethodView
from flask_smorest import Api, Blueprint, abort

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-smorest",)


class Query(ma.Schema):
    number = ma.fields.Integer(required=True)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    app.config.update(API_TITLE="shop", API_VERSION="v1", OPENAPI_VERSION="3.0.2")
    blueprint = Blueprint("orders", "orders", url_prefix="/orders")

    @blueprint.route("/")
    class Orders(MethodView):
        @blueprint.arguments(Query, location="query")
        @chest.track("user_id")
        def get(self, arguments):
            g.user_id = "u-1"
            if arguments["number"] == 404:
                abort(404, message="no")
            return {"number": arguments["number"]}

    Api(app).register_blueprint(blueprint)
    chest.init_app(app)
    with case.client(app) as client:
        statuses = [client.get(f"/orders/?number={n}").status_code for n in (7, 404, "x")]
    assert statuses == [200, 404, 422], statuses
    fine, gone, wrong = case.records(3)
    check(fine, status_code=200, error=None, variables={"user_id": "u-1"})
    check(gone, status_code=404, error=None, variables={"user_id": "u-1"})
    check(wrong, status_code=422, error=None, variables={})
    return "views, `abort` and refused arguments are one record each"
