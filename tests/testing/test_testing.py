"""What `flask_chest.testing` gives to the tests of applications."""

from __future__ import annotations

import re
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
    """Return an application with a database, that knows nothing of tests."""
    chest.init_app(app)
    return add_routes(app, chest)


# -- collect ---------------------------------------------------------------------------------


def test_the_records_of_an_application_are_collected_instead_of_delivered(
    shop, chest, database, tmp_path
):
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


def test_afterwards_the_application_delivers_as_before(shop, chest, recorded):
    client = shop.test_client()
    client.get("/orders/1")
    with collect(shop) as records:
        client.get("/orders/2")
    client.get("/orders/3")
    assert [record.path for record in records] == ["/orders/2"]
    assert [row["path"] for row in recorded(chest, 2)] == ["/orders/1", "/orders/3"]


def test_collecting_ends_when_the_test_fails(shop, chest, recorded):
    with pytest.raises(ZeroDivisionError), collect(shop):
        _ = 1 / 0
    shop.test_client().get("/orders/1")
    recorded(chest, 1)


def test_a_test_may_collect_within_another_and_of_two_applications(shop, make_chest, tmp_path):
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


def test_a_streamed_response_is_recorded_when_it_has_been_read(shop):
    with collect(shop) as records:
        response = shop.test_client().get("/stream", buffered=False)
        assert list(records) == []
        assert response.text == "abc"
        assert [record.path for record in records] == ["/stream"]


def test_requests_to_a_server_in_another_thread_are_waited_for(shop, serve):
    client = serve(shop)
    with collect(shop) as records:
        for number in range(3):
            client.get(f"/orders/{number}")
        assert [record.path for record in records.wait_for(3)] == [f"/orders/{n}" for n in range(3)]


def test_an_application_without_flask_chest_is_said():
    with pytest.raises(ChestError, match=r"'bare' has no FlaskChest\. Call init_app"):
        collect(Flask("bare")).__enter__()


# -- Collector -------------------------------------------------------------------------------


def test_waiting_ends_at_the_record_and_not_at_the_deadline():
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


def test_waiting_in_vain_says_what_has_arrived():
    collector = Collector()
    collector.add([make_record(method="PUT", path="/a")])
    with pytest.raises(TimeoutError, match=r"^1 of 2 records .* 0.01 seconds: \['PUT /a'\]$"):
        collector.wait_for(2, timeout_seconds=0.01)


def test_a_collector_is_a_sequence_that_can_be_cleared():
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


def test_a_recording_exporter_needs_no_entry_point_and_no_disk(recording, make_chest, app):
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


def test_two_recordings_in_one_test_do_not_share_records(make_chest):
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


def test_a_recording_keeps_each_record_once_as_every_exporter_has_to(recording):
    assert isinstance(recording, Exporter)
    first, second = make_record(), make_record()
    recording.open()
    recording.export(make_batch(first))
    recording.export(make_batch(first, second))
    recording.close()
    assert [record.id for record in recording.records] == [first["id"], second["id"]]


def test_a_recording_has_no_options(recording, make_chest, app):
    chest = make_chest(exporters={"main": {"type": "recording", "path": "x"}}, journal="memory")
    chest.register_plugin(recording)
    with pytest.raises(ConfigurationError, match="no such field"):
        chest.init_app(app)


# -- The fixture -----------------------------------------------------------------------------

CONFTEST = 'pytest_plugins = ["flask_chest.testing.fixtures"]\n'

SHOP = """
from flask import Flask, g
from flask_chest import FlaskChest

chest = FlaskChest(journal="memory")

def create_app():
    app = Flask(__name__)
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def home():
        g.user_id = 7
        return ""

    return app
"""

TEST = """
import threading
import pytest
from shop import chest, create_app

app = create_app()

@pytest.mark.parametrize("n", [1, 2])
def test_records(chest_records, n):
    records = chest_records(app)
    app.test_client().get("/")
    [record] = records
    assert record.variables == {"user_id": 7}
    assert threading.active_count() == 1

def test_nothing_is_left():
    assert chest.stats().recorded == 0
"""


def test_the_fixture_collects_for_the_length_of_a_test(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(shop=SHOP, test_shop=TEST)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=3)


def test_a_test_run_that_does_not_ask_for_the_fixture_never_imports_flask_chest(pytester):
    pytester.makepyfile("import sys\ndef test_it():\n    assert 'flask_chest' not in sys.modules\n")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


# -- The page --------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text("utf-8").split("## Testing an application")[1]
IN_CONFTEST, IN_A_TEST, RECORDING = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:3]
README = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[1]


def test_what_the_page_says_of_the_fixture_holds_for_the_readmes_application(pytester):
    application = README.replace(
        "Flask(__name__)", f"Flask('shop', root_path={str(pytester.path)!r})"
    )
    app_fixture = "import pytest, shop\n@pytest.fixture\ndef app():\n    return shop.app\n"
    pytester.makeconftest(IN_CONFTEST + app_fixture)
    pytester.makepyfile(shop=application, test_shop=IN_A_TEST)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_what_the_page_says_of_the_recording_exporter_holds(tmp_path):
    code = README.replace("chest = FlaskChest(app)\n", RECORDING.split("app.test_client")[0])
    code += "app.test_client" + RECORDING.split("app.test_client")[1]
    names = {"__name__": "page"}
    exec(compile(code.replace("Flask(__name__)", "Flask('shop')"), "the page", "exec"), names)
    names["chest"].close()
    assert names["record"].variables == {"user_id": "u-17", "cart_total": 24.5}
