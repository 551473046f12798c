import re

import pytest
from flask import Flask, g
from flask_chest import FlaskChest, current_request_id
from flask_chest.testing import RecordingExporter, collect


@pytest.fixture
def app():
    app = Flask("shop")
    chest = FlaskChest(exporters={"main": {"type": "recording"}}, journal="memory")
    chest.register_plugin(RecordingExporter())
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def home():
        g.seen = current_request_id()
        return ""

    return app


def test_each_request_has_a_short_id_of_its_own(app):
    with collect(app) as records:
        shown = [app.test_client().get("/").headers["X-Request-ID"] for _ in range(100)]
    assert all(re.fullmatch(r"([2-9a-hjkmnp-z]{4}-){2}[2-9a-hjkmnp-z]{4}", each) for each in shown)
    assert len(set(shown)) == 100
    assert [record.request_id for record in records] == shown
    assert [record.variables["seen"] for record in records] == shown
