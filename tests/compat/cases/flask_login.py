"""Flask-Login: `current_user` is put on `g` as it is."""

from flask import Flask, g
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-login",)


class User(UserMixin):
    def __init__(self, name):
        self.id = name

    def __repr__(self):
        return f"<User {self.id}>"


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    app.secret_key = "k"
    manager = LoginManager(app)
    manager.user_loader(User)

    @app.post("/login")
    def login():
        login_user(User("ann"))
        return "ok"

    @app.get("/me")
    @login_required
    @chest.track("user", "user_name")
    def me():
        g.user, g.user_name = current_user, current_user.id
        return "ok"

    chest.init_app(app)
    with case.client(app) as client:
        assert client.get("/me").status_code == 401
        client.post("/login")
        assert client.get("/me").text == "ok"
    refused, served = case.records(2)
    check(refused, status_code=401, error=None, variables={})
    check(served, status_code=200, variables={"user": "<User ann>", "user_name": "ann"})
    return "`current_user` is recorded; a refused request is one record, 401"
