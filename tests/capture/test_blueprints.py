"""`chest.track` on a blueprint."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, Flask, g

from flask_chest.errors import ConfigurationError


def fill(place, chest=None, *patterns):
    """Add a view to an application or blueprint; it puts four variables on `g`."""

    def view():
        g.user_id, g.total, g.note, g._private = 7, 1.5, "n", "p"
        return ""

    place.get("/view")(chest.track(*patterns)(view) if chest else view)


def record_of(app, recorded, chest, path):
    before = len(recorded(chest))
    app.test_client().get(path)
    rows = recorded(chest)[before:]
    return rows[0]["variables"] if rows else None


def test_the_views_of_a_tracked_blueprint_are_recorded_with_its_variables(app, chest, recorded):
    chest.init_app(app)
    shop, other = Blueprint("shop", __name__), Blueprint("other", __name__)
    fill(shop)
    fill(other)
    assert chest.track("user_id", "t*")(shop) is shop
    app.register_blueprint(shop, url_prefix="/shop")
    app.register_blueprint(other, url_prefix="/other")
    assert record_of(app, recorded, chest, "/shop/view") == {"user_id": 7, "total": 1.5}
    assert record_of(app, recorded, chest, "/other/view") is None


def test_a_bare_track_takes_every_public_variable_in_a_blueprint(app, chest, recorded):
    chest.init_app(app)
    shop = Blueprint("shop", __name__)
    fill(shop)
    app.register_blueprint(chest.track(shop))
    assert record_of(app, recorded, chest, "/view") == {"user_id": 7, "total": 1.5, "note": "n"}


def test_the_innermost_rule_decides_and_the_exclusions_of_all_apply(app, make_chest, recorded):
    chest = make_chest(track_all=True, variables=["note", "!_*"])
    chest.init_app(app)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    fill(outer)
    fill(inner, chest, "*", "_private")
    chest.track("user_id", "!total")(outer)
    outer.register_blueprint(inner, url_prefix="/inner")
    app.register_blueprint(outer, url_prefix="/outer")
    fill(app)
    assert record_of(app, recorded, chest, "/view") == {"note": "n"}
    assert record_of(app, recorded, chest, "/outer/view") == {"user_id": 7}
    assert record_of(app, recorded, chest, "/outer/inner/view") == {"user_id": 7, "note": "n"}


def test_a_blueprint_may_have_variables_by_method_a_generator_and_a_rate(app, chest, recorded):
    chest.init_app(app)
    shop = Blueprint("shop", __name__)

    @shop.route("/", methods=["GET", "POST"])
    def view():
        g.a, g.b = 1, 2
        return ""

    chest.track({"GET": ["a"], "POST": ["b"]}, request_id="short")(shop)
    rare = Blueprint("rare", __name__)
    fill(rare)
    chest.track(sample_rate=0)(rare)
    app.register_blueprint(shop)
    app.register_blueprint(rare, url_prefix="/rare")
    client = app.test_client()
    assert re.fullmatch("[0-9a-z]{16}", client.get("/").headers["X-Request-ID"])
    client.post("/")
    client.get("/rare/view")
    assert [row["variables"] for row in recorded(chest, 2)] == [{"a": 1}, {"b": 2}]
    assert chest.stats().sampled_out == 1


def test_the_rate_of_a_view_is_stronger_than_those_of_its_blueprints(app, make_chest, recorded):
    chest = make_chest(sample_rate=0)
    chest.init_app(app)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.get("/own", endpoint="own")(chest.track(sample_rate=1)(lambda: ""))
    inner.get("/inner", endpoint="inner")(chest.track(lambda: ""))
    outer.get("/outer")(chest.track(lambda: ""))
    chest.track(sample_rate=0)(inner)
    chest.track(sample_rate=1)(outer)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.get("/app")(chest.track(lambda: ""))
    for path in ("/own", "/inner", "/outer", "/app"):
        app.test_client().get(path)
    assert [row["path"] for row in recorded(chest, 2)] == ["/own", "/outer"]


def test_system_exit_in_a_view_of_a_tracked_blueprint_is_recorded(app, chest, recorded):
    chest.init_app(app)
    shop = Blueprint("shop", __name__)

    @shop.get("/")
    def view():
        raise SystemExit

    app.register_blueprint(chest.track(shop))
    with pytest.raises(SystemExit):
        app.test_client().get("/")
    assert [row["error"] for row in recorded(chest, 1)] == ["SystemExit"]


def test_a_blueprint_that_is_already_registered_is_refused(app, chest):
    chest.init_app(app)
    shop = Blueprint("shop", __name__)
    app.register_blueprint(shop)
    with pytest.raises(ConfigurationError, match="blueprint 'shop' comes too late"):
        chest.track(shop)


def test_an_excluded_endpoint_of_a_tracked_blueprint_is_not_recorded(app, make_chest, recorded):
    chest = make_chest(exclude_endpoints=["shop.view"])
    chest.init_app(app)
    shop = Blueprint("shop", __name__)
    fill(shop)
    app.register_blueprint(chest.track(shop))
    assert record_of(app, recorded, chest, "/view") is None


@pytest.mark.parametrize("kind", ["blueprint", "view"])
def test_two_chests_on_one_thing_record_each_by_its_own_rule(make_chest, tmp_path, said, kind):
    chests = {
        name: make_chest(
            exporters={"main": f"sqlite:///{tmp_path}/{name}.sqlite3"},
            journal=str(tmp_path / name),
        )
        for name in ("first", "second")
    }
    blueprint = Blueprint("things", __name__)

    def index():
        g.first = g.second = 1
        return "ok"

    for name, chest in chests.items():  # before either has an application, as in a module
        if kind == "view":
            index = chest.track(name)(index)
        else:
            chest.track(name)(blueprint)
    blueprint.add_url_rule("/", "index", index)
    for name, chest in chests.items():
        app = Flask(name)
        app.register_blueprint(blueprint)
        chest.init_app(app)
        app.test_client().get("/")
        assert chest.flush(10)
        assert [record.variables for record in chest.store().query()] == [{name: 1}]
    assert not [message for message in said() if "nothing is recorded" in message]
