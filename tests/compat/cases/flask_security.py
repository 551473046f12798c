"""Flask-Security: a token or session in front of a view."""

from flask import Flask, g
from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
    auth_required,
    current_user,
    hash_password,
)
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-security-too", "flask-sqlalchemy")


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    app.config.update(
        SECRET_KEY="k",
        SECURITY_PASSWORD_SALT="1",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_PASSWORD_SCHEMES=["plaintext"],
        SECURITY_PASSWORD_SINGLE_HASH=["plaintext"],
        WTF_CSRF_ENABLED=False,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/app.sqlite3",
    )
    db = SQLAlchemy(app)
    fsqla.FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):
        pass

    class User(db.Model, fsqla.FsUserMixin):
        def __repr__(self):
            return f"<User {self.email}>"

    app.security = Security(app, SQLAlchemyUserDatastore(db, User, Role))

    @app.get("/me")
    @auth_required()
    @chest.track("user")
    def me():
        g.user = current_user
        return "ok"

    with app.app_context():
        db.create_all()
        app.security.datastore.create_user(
            email="ann@example.com", password=hash_password("p-assword1")
        )
        db.session.commit()
    chest.init_app(app)
    with case.client(app) as client:
        refused = client.get("/me", headers={"Accept": "application/json"})
        assert refused.status_code == 401, refused.status_code
        answer = client.post("/login", json={"email": "ann@example.com", "password": "p-assword1"})
        assert answer.status_code == 200, answer.text
        assert client.get("/me", headers={"Accept": "application/json"}).text == "ok"
    first, second = case.records(2)
    check(first, status_code=401, error=None, variables={})
    check(second, status_code=200, variables={"user": "<User ann@example.com>"})
    return "`current_user` is recorded; a refused request is one record, 401"
