"""APIFlask: an application class of its own."""

from apiflask import APIFlask, abort
from flask import g

from tests.compat.support import Case, check

DISTRIBUTIONS = ("apiflask",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = APIFlask("shop")

    @app.get("/orders/<int:number>")
    @chest.track("user_id")
    def order(number):
        g.user_id = "u-1"
        if number == 404:
            abort(404, "no")
        return {"number": number}

    chest.init_app(app)
    with case.client(app) as client:
        assert client.get("/orders/7").status_code == 200
        assert client.get("/orders/404").status_code == 404
    fine, gone = case.records(2)
    check(fine, status_code=200, error=None, variables={"user_id": "u-1"})
    check(gone, status_code=404, error=None, variables={"user_id": "u-1"})
    return "views and `abort` are one record each"
