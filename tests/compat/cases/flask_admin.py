"""Flask-Admin: views in blueprints of its own, recorded app-wide."""

from flask import Flask, g
from flask_admin import Admin, BaseView, expose

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-admin",)


class Report(BaseView):
    @expose("/")
    def index(self):
        g.user_id = "u-1"
        return "report"


def run(folder):
    case = Case(folder)
    chest = case.make_chest(track_all=True)
    app = Flask("shop")
    app.secret_key = "k"
    admin = Admin(app, name="shop")
    admin.add_view(Report(name="Report", endpoint="report"))
    chest.init_app(app)
    with case.client(app) as client:
        assert client.get("/admin/").status_code == 200
        assert client.get("/admin/report/").text == "report"
    home, report = case.records(2)
    check(home, status_code=200, endpoint="admin.index", route="/admin/")
    check(report, status_code=200, endpoint="report.index", variables={"user_id": "u-1"})
    return "its views are recorded app-wide, by their endpoints"
