"""While TESTING is on, records stay in memory, whenever it was set."""

from __future__ import annotations

import itertools
import logging
import threading

import pytest
from flask import Flask, g

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError
from flask_chest.memory_store import MemoryStore
from flask_chest.record import encode
from flask_chest.testing import RecordingExporter, collect, make_record
from flask_chest.testing.erase_contract import EraseContract
from flask_chest.testing.page_contract import PageContract
from flask_chest.testing.read_contract import ReadContract

names = itertools.count()


class Shop:
    """An application with an instance folder and a database of its own."""

    def __init__(self, folder, **settings):
        self.folder = folder
        # A name of its own: it is said once for each.
        self.app = Flask(f"shop-{next(names)}", instance_path=str(folder / "instance"))
        self.chest = FlaskChest(raise_errors=True, **settings)

    def init(self):
        self.before = {}
        self.chest.init_app(self.app)
        self.before = self.touched()

        @self.app.get("/")
        @self.chest.track("user_id")
        def view():
            g.user_id = "u-17"
            return ""

        return self

    def get(self):
        return self.app.test_client().get("/")

    def touched(self):
        """Return what requests wrote: segments, and more than `init_app` did."""
        kinds = ("instance/chest/segments/*", "instance/chest.sqlite3*", "instance/chest/export*")
        found = {path: path.stat().st_size for kind in kinds for path in self.folder.glob(kind)}
        return dict(found.items() - self.before.items())


@pytest.fixture
def make_shop(tmp_path):
    made = []

    def make(**settings):
        made.append(Shop(tmp_path, **settings))
        return made[-1]

    yield make
    for shop in made:
        for state in list(shop.chest._applications.states):
            state.close()


def before_init(shop):
    shop.app.config.from_mapping(TESTING=True)
    shop.init()


def attribute_before_init(shop):
    shop.app.testing = True
    shop.init()


def after_init(shop):
    shop.init().app.testing = True


def updated_after_init(shop):
    shop.init().app.config.update({"TESTING": True})


def replaced_after_init(shop):
    shop.init()
    shop.app.config = type(shop.app.config)(shop.app.root_path, {**shop.app.config, "TESTING": 1})


WAYS = [before_init, attribute_before_init, after_init, updated_after_init, replaced_after_init]


@pytest.mark.parametrize("set_testing", WAYS)
def test_records_stay_in_memory(make_shop, set_testing):
    shop = make_shop()
    threads = set(threading.enumerate())
    set_testing(shop)
    shop.get()
    with shop.chest.record("nightly", rows=3):
        pass
    assert shop.chest.flush()
    assert set(threading.enumerate()) == threads
    assert shop.touched() == {}
    with shop.app.app_context():
        found = shop.chest.store().query(newest_first=False)
    assert [(r.route, r.variables) for r in found] == [
        ("/", {"user_id": "u-17"}),
        ("nightly", {"rows": 3}),
    ]
    assert shop.chest.stats().recorded == 2
    shop.chest.close()
    assert shop.touched() == {}


def test_nothing_is_made_at_all_when_it_is_on_from_the_start(make_shop, tmp_path):
    shop = make_shop(exporters=f"sqlite:///{tmp_path}/chest.sqlite3", journal=f"{tmp_path}/journal")
    before_init(shop)
    shop.get()
    assert list(tmp_path.iterdir()) == []


def test_it_may_change_between_two_requests(make_shop):
    shop = make_shop().init()
    shop.get()
    assert shop.chest.flush()
    for is_on, delivered in ((True, 1), (False, 2), (True, 2)):
        shop.app.testing = is_on
        shop.get()
        assert shop.chest.flush()
        shop.app.testing = False
        assert shop.chest.store().count() == delivered
    shop.app.testing = True
    assert shop.chest.store().count() == 2
    assert shop.chest.stats().recorded == 4


def test_it_is_delivered_after_testing_was_on_from_the_start(make_shop):
    shop = make_shop()
    before_init(shop)
    shop.get()
    shop.app.testing = False
    shop.get()
    assert shop.chest.flush()
    assert shop.chest.store().count() == 1


def test_a_flush_in_a_test_leaves_alone_what_waits_in_the_journal(make_shop):
    shop = make_shop(export_interval_seconds=3_600).init()
    shop.get()  # a record of the day's work
    shop.app.testing = True
    assert shop.chest.flush()
    shop.app.testing = False
    assert shop.chest.stats().exporters["main"].pending_bytes > 0


def test_a_test_erases_in_memory_and_leaves_alone_what_waits_in_the_journal(make_shop):
    shop = make_shop(export_interval_seconds=3_600).init()
    shop.get()
    shop.app.testing = True
    shop.get()
    assert shop.chest.erase("user_id == 'u-17'").stores == {"main": 1}
    assert shop.chest.store().count() == 0
    shop.app.testing = False
    assert shop.chest.flush()
    assert shop.chest.store().count() == 1


@pytest.mark.parametrize("set_testing", WAYS)
def test_the_setting_delivers_all_the_same(make_shop, set_testing):
    shop = make_shop(testing="deliver")
    set_testing(shop)
    shop.get()
    assert shop.chest.flush()
    assert shop.chest.store().count() == 1
    assert shop.touched()


def test_it_is_said_once_for_each_application_and_names_the_setting(make_shop, caplog):
    shop = make_shop().init()
    shop.app.testing = True
    for _ in range(3):
        shop.get()
    [said] = [r for r in caplog.records if "TESTING" in r.getMessage()]
    assert said.levelno == logging.WARNING
    assert repr(shop.app.name) in said.getMessage()
    assert "CHEST_TESTING = 'deliver'" in said.getMessage()


@pytest.mark.parametrize("readable", [True, False])
def test_what_shows_the_records_is_named_and_works(make_shop, caplog, readable):
    entry = "sqlite:///<instance>/chest.sqlite3" if readable else "otlp+http://127.0.0.1:9"
    shop = make_shop(exporters=entry).init()
    shop.app.testing = True
    shop.get()
    [said] = [r.getMessage() for r in caplog.records if "TESTING" in r.getMessage()]
    assert "flask_chest.testing.collect(app)" in said
    assert ("chest.store()" in said) is readable
    with shop.app.app_context():
        if readable:
            assert shop.chest.store().measure("count") == [{"count": 1}]
        else:
            with pytest.raises(ConfigurationError, match="can be read"):
                shop.chest.store()


def test_nothing_is_said_where_testing_is_off(make_shop, caplog):
    make_shop().init().get()
    assert not [r for r in caplog.records if "TESTING" in r.getMessage()]


def test_a_store_that_is_not_there_is_an_error_in_tests_too(make_shop):
    shop = make_shop().init()
    shop.app.testing = True
    with pytest.raises(ConfigurationError, match="no such exporter"):
        shop.chest.store("mian")


def test_a_recording_exporter_gets_what_a_test_records(make_shop):
    recording = RecordingExporter()
    shop = make_shop(exporters={"main": {"type": "recording"}}, journal="memory")
    shop.chest.register_plugin(recording)
    after_init(shop)
    shop.get()
    assert shop.chest.flush()
    assert len(recording.records) == 1
    assert shop.chest.stats().exporters["main"].delivered == 1


def test_a_recording_exporter_beside_a_database_gets_it_too_and_the_database_not(make_shop):
    recording = RecordingExporter()
    shop = make_shop(
        exporters={"main": "sqlite:///<instance>/chest.sqlite3", "seen": {"type": "recording"}}
    )
    shop.chest.register_plugin(recording)
    after_init(shop)
    shop.get()
    assert [record.variables for record in recording.records] == [{"user_id": "u-17"}]
    assert shop.touched() == {}


@pytest.mark.parametrize("testing", ["memory", "deliver"])
def test_collected_records_go_nowhere_else(make_shop, testing):
    shop = make_shop(testing=testing)
    after_init(shop)
    with collect(shop.app) as records:
        shop.get()
    assert len(records) == 1
    shop.app.testing = False
    shop.get()
    assert shop.chest.flush()
    assert shop.chest.store().count() == 1


def test_a_command_delivers_nothing_and_says_so(make_shop):
    shop = make_shop().init()
    shop.get()
    shop.app.testing = True
    done = shop.app.test_cli_runner().invoke(args=["chest", "flush"])
    assert "TESTING is on: nothing is delivered" in done.output
    shop.app.testing = False
    assert shop.chest.stats().exporters["main"].delivered == 0


def test_two_applications_of_a_test_run_may_share_a_journal(make_shop, tmp_path):
    for number in range(2):
        shop = make_shop(exporters=f"sqlite:///{tmp_path}/{number}.sqlite3", journal="journal")
        before_init(shop)
        shop.get()
        assert shop.chest.store().count() == 1


class TestMemoryStore(ReadContract, PageContract, EraseContract):
    @pytest.fixture
    def store(self):
        return MemoryStore(1 << 20)


def test_the_oldest_records_make_room_in_memory():
    lines = [encode(make_record(request_id=f"r-{n}")) for n in range(9)]
    store = MemoryStore(sum(map(len, lines[-4:])))
    assert sum(map(store.append, lines)) == 5
    assert sorted(r.request_id for r in store.query()) == ["r-5", "r-6", "r-7", "r-8"]


def test_records_of_the_memory_store_are_paged_and_deleted():
    store = MemoryStore(1 << 20)
    for n in range(5):
        store.append(encode(make_record(request_id=f"r-{n}")))
    first = store.page(limit=2)
    last = store.page(after=(first[-1].started_at, first[-1].id))
    assert len(first) == 2
    assert len(last) == 3
    assert store.delete([*first, first[0]]) == 2
    assert store.page() == last
