import pytest
from flask import Flask, g, request
from flask_chest import FlaskChest
from flask_chest.testing import RecordingExporter, collect


@pytest.fixture
def chest():
    chest = FlaskChest(exporters={"main": {"type": "recording"}}, journal="memory")
    chest.register_plugin(RecordingExporter())
    return chest


@pytest.fixture
def app(chest):
    app = Flask("shop")
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def home():
        g.user, g.ip, g.remote_addr = "ada", request.remote_addr, request.remote_addr
        return ""

    return app


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.77", "203.0.113.0/24"), ("2001:db8:7:1::1", "2001:db8:7::/48")],
)
def test_the_network_and_language_are_added_and_the_address_is_removed(app, address, network):
    with collect(app) as records:
        headers = {"Accept-Language": "en;q=0.7, de-CH"}
        app.test_client().get("/", headers=headers, environ_base={"REMOTE_ADDR": address})
    [record] = records
    assert record.variables == {
        "user": "ada",
        "client_network": network,
        "client_language": "de-CH",
    }


def test_a_request_without_address_and_language_is_recorded(app):
    with collect(app) as records:
        app.test_client().get("/", environ_overrides={"REMOTE_ADDR": ""})
    assert records[0].variables == {"user": "ada", "client_language": None}


def test_a_job_has_no_client(app, chest):
    with collect(app) as records, chest.record("report", ip="203.0.113.77", rows=1):
        pass
    assert records[0].variables == {"rows": 1}
