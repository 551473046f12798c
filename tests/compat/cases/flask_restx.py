"""Flask-RESTX: resources, `abort`, and exceptions that it turns into responses."""

from flask import Flask, g
from flask_restx import Api, Resource, abort

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-restx",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    api = Api(app)

    @api.errorhandler(KeyError)
    def handle(error):
        return {"message": "no such key"}, 409

    @api.route("/orders/<int:number>")
    class Orders(Resource):
        method_decorators = (chest.track("user_id"),)

        def get(self, number):
            g.user_id = "u-1"
            if number == 404:
                abort(404)
            if number == 409:
                raise KeyError("x")
            if number == 500:
                raise RuntimeError("no")
            return {"number": number}

    chest.init_app(app)
    with case.client(app) as client:
        statuses = [client.get(f"/orders/{n}").status_code for n in (7, 404, 409, 500)]
    assert statuses == [200, 404, 409, 500], statuses
    fine, gone, handled, failed = case.records(4)
    for record, status, error in (
        (fine, 200, None),
        (gone, 404, None),
        (handled, 409, None),
        (failed, 500, "RuntimeError"),
    ):
        check(record, status_code=status, error=error, variables={"user_id": "u-1"})
    return "`abort(404)` and handled exceptions are no errors; an unhandled exception is one"
