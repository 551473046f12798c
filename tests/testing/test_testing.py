"""`collect`, `Collector`, `RecordingExporter` and the fixture of `flask_chest.testing`."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from pathlib import Path

import pytest
from flask import Flask, Response, g

from flask_chest.errors import ChestError, ConfigurationError
from flask_chest.exporter import Exporter
from flask_chest.testing import Collector, RecordingExporter, collect, make_batch, make_record

pytest_plugins = ["pytester"]


def add_routes(app, chest):
    @app.get("/orders/<int:number>")
    @chest.track("user_*")
    def order(number):
        g.user_id, g.other = f"u-{number}", 1
        return ""

    @app.get("/stream")
    @chest.track
    def stream():
        return Response((letter for letter in "abc"), mimetype="text/plain")

    return app


@pytest.fixture
def shop(chest, app):
    """Return an application with a database, as it runs in production."""
    chest.init_app(app)
    return add_routes(app, chest)


# -- collect ---------------------------------------------------------------------------------


def test_without_pytest_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "flask_chest.testing")
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'flask-chest\[testing\]'"):
        importlib.import_module("flask_chest.testing")


def test_records_are_collected_instead_of_delivered(shop, chest, database, tmp_path):
    before = threading.enumerate()
    with collect(shop) as records:
        shop.test_client().get("/orders/7")
        [record] = records
        assert (record.route, record.status_code) == ("/orders/<int:number>", 200)
        assert record.variables == {"user_id": "u-7"}
        assert record.started_at.tzinfo is not None
        assert threading.enumerate() == before
        assert chest.stats().recorded == 1
    assert chest.stats().recorded == 0
    assert chest.flush()
    assert not list((tmp_path / "journal" / "segments").glob("*"))


def test_after_the_block_records_are_delivered_again(shop, chest, recorded):
    client = shop.test_client()
    client.get("/orders/1")
    with collect(shop) as records:
        client.get("/orders/2")
    client.get("/orders/3")
    assert [record.path for record in records] == ["/orders/2"]
    assert [row["path"] for row in recorded(chest, 2)] == ["/orders/1", "/orders/3"]


def test_an_exception_ends_the_collection(shop, chest, recorded):
    with pytest.raises(ZeroDivisionError), collect(shop):
        _ = 1 / 0
    shop.test_client().get("/orders/1")
    recorded(chest, 1)


def test_collections_may_be_nested_and_of_several_applications(shop, make_chest, tmp_path):
    chest = make_chest(journal=str(tmp_path / "another"))
    other = Flask("other")
    chest.init_app(other)
    add_routes(other, chest)
    with collect(shop) as outer, collect(other) as of_other:
        shop.test_client().get("/orders/1")
        with collect(shop) as inner:
            shop.test_client().get("/orders/2")
        shop.test_client().get("/orders/3")
        other.test_client().get("/orders/4")
    assert [record.path for record in outer] == ["/orders/1", "/orders/3"]
    assert [record.path for record in inner] == ["/orders/2"]
    assert [record.path for record in of_other] == ["/orders/4"]


def test_a_streamed_response_is_recorded_after_its_last_chunk(shop):
    with collect(shop) as records:
        response = shop.test_client().get("/stream", buffered=False)
        assert list(records) == []
        assert response.text == "abc"
        assert [record.path for record in records] == ["/stream"]


def test_wait_for_waits_for_requests_to_a_server_in_another_thread(shop, serve):
    client = serve(shop)
    with collect(shop) as records:
        for number in range(3):
            client.get(f"/orders/{number}")
        assert [record.path for record in records.wait_for(3)] == [f"/orders/{n}" for n in range(3)]


def test_an_application_without_flask_chest_raises():
    with pytest.raises(ChestError, match=r"'bare' has no FlaskChest\. Call init_app"):
        collect(Flask("bare")).__enter__()


# -- Collector -------------------------------------------------------------------------------


def test_wait_for_returns_at_the_record_not_at_the_timeout():
    collector = Collector()
    waited = []
    thread = threading.Thread(target=lambda: waited.extend(collector.wait_for(2, 30.0)))
    thread.start()
    started = time.monotonic()
    for path in ("/a", "/b"):
        collector.add([make_record(path=path)])
    thread.join()
    assert time.monotonic() - started < 10
    assert [record.path for record in waited] == ["/a", "/b"]


def test_the_error_of_a_timeout_lists_what_has_arrived():
    collector = Collector()
    collector.add([make_record(method="PUT", path="/a")])
    with pytest.raises(TimeoutError, match=r"^1 of 2 records .* 0.01 seconds: \['PUT /a'\]$"):
        collector.wait_for(2, timeout_seconds=0.01)


def test_a_collector_is_a_sequence_and_can_be_cleared():
    collector = Collector()
    records = [make_record(path=f"/{n}") for n in range(3)]
    collector.add([*records, records[0]])
    assert (len(collector), collector[1].path, collector[-1].path) == (3, "/1", "/2")
    assert [record.path for record in collector[:2]] == ["/0", "/1"]
    collector.clear()
    assert collector.records == []


# -- RecordingExporter -----------------------------------------------------------------------


@pytest.fixture
def recording():
    return RecordingExporter()


def test_a_recording_exporter_works_without_installation_and_disk(recording, make_chest, app):
    chest = make_chest(
        exporters={"main": {"type": "recording"}, "copy": "recording://"},
        journal="memory",
        export_interval_seconds=0.05,
        plugins=[],
    )
    chest.register_plugin(recording)
    chest.init_app(app)
    assert [plugin.name for plugin in chest.plugins() if not plugin.left_out] == [
        "RecordingExporter"
    ]
    add_routes(app, chest).test_client().get("/orders/7")
    [record] = recording.wait_for(1)
    assert (record.path, record.variables) == ("/orders/7", {"user_id": "u-7"})
    app.test_client().get("/orders/8")
    assert chest.flush()
    assert [record.path for record in recording.records] == ["/orders/7", "/orders/8"]
    recording.clear()
    assert recording.records == []
    with pytest.raises(TimeoutError, match="0 of 1"):
        recording.wait_for(1, timeout_seconds=0.01)


def test_two_recording_exporters_do_not_share_records(make_chest):
    recordings = RecordingExporter(), RecordingExporter()
    for number, recording in enumerate(recordings):
        chest = make_chest(exporters="recording://", journal="memory")
        chest.register_plugin(recording)
        app = Flask(f"shop{number}")
        chest.init_app(app)
        add_routes(app, chest).test_client().get(f"/orders/{number}")
        assert chest.flush()
    assert [[r.path for r in recording.records] for recording in recordings] == [
        ["/orders/0"],
        ["/orders/1"],
    ]


def test_a_recording_exporter_keeps_a_repeated_record_once(recording):
    assert isinstance(recording, Exporter)
    first, second = make_record(), make_record()
    recording.open()
    recording.export(make_batch(first))
    recording.export(make_batch(first, second))
    recording.close()
    assert [record.id for record in recording.records] == [first["id"], second["id"]]


def test_a_recording_exporter_has_no_fields(recording, make_chest, app):
    chest = make_chest(exporters={"main": {"type": "recording", "path": "x"}}, journal="memory")
    chest.register_plugin(recording)
    with pytest.raises(ConfigurationError, match="no such field"):
        chest.init_app(app)


# -- The fixture -----------------------------------------------------------------------------

PROGRAMS = Path(__file__).with_name("programs")
CONFTEST = 'pytest_plugins = ["flask_chest.testing.fixtures"]\n'


def test_the_fixture_collects_until_the_test_ends(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        shop=(PROGRAMS / "shop.py").read_text("utf-8"),
        test_shop=(PROGRAMS / "shop_tests.py").read_text("utf-8"),
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=3)


def test_a_test_run_without_the_fixture_does_not_import_flask_chest(pytester):
    pytester.makepyfile("import sys\ndef test_it():\n    assert 'flask_chest' not in sys.modules\n")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
