"""The dashboard, for those who are logged in by Flask-Login, beside what changes each response."""

import re

from flask import Flask
from flask_cors import CORS
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_talisman import Talisman
from flask_wtf import CSRFProtect

from tests.compat.support import Case

DISTRIBUTIONS = (
    "flask-chest-dashboard",
    "flask-cors",
    "flask-login",
    "flask-talisman",
    "flask-wtf",
)


class User(UserMixin):
    def __init__(self, name):
        self.id = name


def run(folder):
    case = Case(folder)
    app = Flask("shop")
    app.secret_key = "k"
    LoginManager(app).user_loader(User)
    case.make_chest(
        dashboard_allow=lambda: current_user.is_authenticated and current_user.id == "ann",
        dashboard_file=str(folder / "chest_dashboard.sqlite3"),
        track_all=True,
    ).init_app(app)
    csrf = CSRFProtect(app)
    CORS(app, supports_credentials=True)
    Talisman(app, force_https=False, session_cookie_secure=False)

    @app.post("/login/<name>")
    @csrf.exempt
    def login(name):
        login_user(User(name))
        return "ok"

    @app.post("/pay")
    def pay():
        return "ok"

    with case.client(app) as client:
        assert client.get("/chest/").status_code == 403
        client.post("/login/bob")
        assert client.get("/chest/").status_code == 403
        client.post("/login/ann")
        page = client.get("/chest/", headers={"Origin": "https://elsewhere.example"})
        assert page.status_code == 200
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert page.headers["X-Frame-Options"] == "DENY"
        assert "Access-Control-Allow-Origin" not in page.headers
        assert client.post("/pay").status_code == 400  # Flask-WTF wants its own token
        [token] = set(re.findall(r'name="csrf_token" value="([^"]+)"', page.text))
        view = {"name": "mine", "page": "overview", "query": ""}
        assert "Nothing was changed" in client.post("/chest/views", data=view).text
        saved = client.post("/chest/views", data={**view, "csrf_token": token})
        assert saved.status_code == 303
        assert "mine" in client.get("/chest/views").text
    assert [record["path"] for record in case.records(3)] == ["/login/bob", "/login/ann", "/pay"]
    return (
        "the dashboard is for whom `current_user` allows, keeps its headers and its tokens, and is "
        "not recorded"
    )
