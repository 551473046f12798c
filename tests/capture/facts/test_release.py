"""The release of the application is on every record, unless a route leaves it out."""

from __future__ import annotations

import pytest
from flask import Flask


@pytest.mark.parametrize("patterns", [("*",), ("user_id",), ("request.host",), ("app.release",)])
def test_the_release_is_on_every_record(ask, patterns):
    assert ask(*patterns, settings={"release": "2026.11.3"})["app.release"] == "2026.11.3"


@pytest.mark.parametrize("exclusion", ["!app.release", "!app.*", "!*release"])
def test_a_route_may_leave_the_release_out(ask, exclusion):
    assert ask("*", exclusion, settings={"release": "2026.11.3"}) == {}


def test_the_release_is_there_for_methods_that_record_nothing_else(make_chest, recorded):
    chest, app = make_chest(release="1.10"), Flask("shop")
    app.route("/", methods=["GET", "POST"])(chest.track({"POST": ["user_id"]})(lambda: ""))
    chest.init_app(app)
    app.test_client().get("/")
    assert recorded(chest, 1)[0]["variables"] == {"app.release": "1.10"}


def test_without_the_setting_there_is_no_release(ask):
    assert ask("app.release", "*") == {}
