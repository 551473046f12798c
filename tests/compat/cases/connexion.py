"""connexion 3: the application is ASGI, and took `app.wsgi_app` before `init_app`."""

import connexion
from flask import g

from tests.compat.support import Case, check

DISTRIBUTIONS = ("connexion",)

SPECIFICATION = """
openapi: "3.0.0"
info: {title: shop, version: "1"}
paths:
  /orders/{number}:
    get:
      operationId: tests.compat.cases.connexion.order
      parameters: [{name: number, in: path, required: true, schema: {type: integer}}]
      responses: {"200": {description: fine, content: {application/json: {schema: {type: object}}}}}
"""

chest = None


def order(number):
    g.user_id = "u-1"
    if number == 500:
        raise RuntimeError("no")
    return {"number": number}


def run(folder):
    (folder / "api.yaml").write_text(SPECIFICATION)
    case = Case(folder)
    chest = case.make_chest(track_all=True)
    made = connexion.FlaskApp(__name__, specification_dir=str(folder))
    made.add_api("api.yaml")
    chest.init_app(made.app)
    client = made.test_client()
    assert client.get("/orders/7").status_code == 200
    assert client.get("/orders/x").status_code in (400, 404)
    served, unknown = case.records(2)
    check(served, status_code=200, path="/orders/7", error=None, variables={"user_id": "u-1"})
    # connexion lets Flask raise, and answers outside of Flask.
    check(unknown, status_code=None, path="/orders/x", error="starlette.exceptions.HTTPException")
    return (
        "requests are recorded although it took `app.wsgi_app` before `init_app`; an unknown URL, "
        "which it answers itself, is a record without a status"
    )
