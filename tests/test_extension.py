"""The extension: factories, several applications, repeated initialisation, and its end."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest
from flask import Flask, g

from flask_chest import FlaskChest
from flask_chest.errors import ChestError, ConfigurationError
from flask_chest.journal import DiskJournal
from flask_chest.runtime.counters import Stats


def add_view(app, chest, name="view", path="/"):
    @chest.track("n")
    def view():
        g.n = app.name
        return ""

    app.add_url_rule(path, name, view)


def test_an_application_factory_may_be_called_many_times(tmp_path):
    chest = FlaskChest(raise_errors=True)

    def create_app(number):
        app = Flask(f"shop-{number}", instance_path=str(tmp_path / str(number)))
        chest.init_app(app)
        add_view(app, chest)
        return app

    apps = [create_app(number) for number in range(3)]
    for app in apps:
        app.test_client().get("/")
    for number, app in enumerate(apps):
        with app.app_context():
            assert chest.flush()
            [record] = chest.store().query()
            assert (record.service, record.variables) == (f"shop-{number}", {"n": f"shop-{number}"})
            chest.close()


def test_init_app_twice_changes_nothing(chest, app, recorded):
    chest.init_app(app)
    chest.init_app(app)
    add_view(app, chest)
    app.test_client().get("/")
    recorded(chest, 1)


def test_a_second_flask_chest_on_one_application_is_refused(chest, app, make_chest):
    chest.init_app(app)
    with pytest.raises(ConfigurationError, match="'shop' has a FlaskChest already"):
        make_chest().init_app(app)


def test_init_app_after_the_first_request_is_refused(chest, app):
    app.test_client().get("/")
    with pytest.raises(ConfigurationError, match="'shop' has served a request already"):
        chest.init_app(app)


def test_an_application_that_failed_to_initialise_is_left_as_it_was(app, make_chest, tmp_path):
    before = app.wsgi_app
    with pytest.raises(ConfigurationError):
        make_chest(exporters={"main": "nonsense"}).init_app(app)
    assert app.wsgi_app == before
    assert app.extensions == {}
    make_chest().init_app(app)


def test_several_applications_need_an_app_context_to_say_which(chest, recorded):
    first, second = Flask("first"), Flask("second")
    with pytest.raises(ChestError, match=r"no application\. Call init_app"):
        chest.flush()
    chest.init_app(first)
    chest.init_app(second)
    with pytest.raises(ChestError, match=r"serves 2 applications.*app_context"):
        chest.stats()
    with second.app_context():
        assert isinstance(chest.stats(), Stats)
        assert chest.service == "second"
    with Flask("third").app_context(), pytest.raises(ChestError, match="'third' has no FlaskChest"):
        chest.stats()


def test_the_service_is_that_of_the_records(make_chest, app):
    chest = make_chest(service="till")
    with pytest.raises(ChestError, match="no application"):
        _ = chest.service
    chest.init_app(app)
    assert chest.service == "till"


def test_two_applications_must_not_deliver_each_others_records(make_chest, tmp_path):
    first = Flask("first")  # kept: one that the garbage collector takes is in nobody's way
    make_chest().init_app(first)
    other = {"main": f"sqlite:///{tmp_path / 'other.sqlite3'}"}
    with pytest.raises(ConfigurationError, match=r"CHEST_JOURNAL=.*a journal of its own"):
        make_chest(exporters=other).init_app(Flask("second"))
    make_chest(exporters=other, journal=str(tmp_path / "second")).init_app(Flask("second"))


def test_the_extension_does_not_keep_an_application_alive(chest):
    app = Flask("short-lived")
    chest.init_app(app)
    add_view(app, chest)
    app.test_client().get("/")
    chest.close()
    reference = weakref.ref(app)
    del app
    gc.collect()
    assert reference() is None


def test_nothing_runs_before_the_first_request_tracked_or_not(chest, app):
    before = set(threading.enumerate())
    chest.init_app(app)
    add_view(app, chest)

    @app.get("/untracked")
    def untracked():
        return ""

    assert set(threading.enumerate()) == before
    app.test_client().get("/untracked")
    names = {thread.name for thread in set(threading.enumerate()) - before}
    assert names == {"APScheduler", "chest-export-main", "chest-journal"}
    chest.close()
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("error", [RuntimeError("no thread"), OSError(24, "too many files")])
def test_a_delivery_that_cannot_start_costs_no_request_and_no_record(
    chest, app, recorded, monkeypatch, said, error
):
    chest.init_app(app)
    add_view(app, chest)

    def fail(_journal):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(DiskJournal, "start", fail)
        for _ in range(3):
            assert app.test_client().get("/").status_code == 200
    assert [repr(error) in message for message in said()] == [True]
    recorded(chest, 3)


def test_delivery_starts_again_after_close(chest, app, recorded):
    chest.init_app(app)
    add_view(app, chest)
    client = app.test_client()
    client.get("/")
    chest.close()
    client.get("/")
    recorded(chest, 2)


def test_the_scheduler_delivers_by_itself(make_chest, app, database):
    chest = make_chest(export_interval_seconds=0.05)
    chest.init_app(app)
    add_view(app, chest)
    app.test_client().get("/")
    deadline = time.monotonic() + 10
    while chest.stats().exporters["main"].delivered == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert chest.store().count() == 1


def test_stats_tell_what_was_recorded_delivered_and_waits(chest, app):
    chest.init_app(app)
    add_view(app, chest)
    client = app.test_client()
    client.get("/")
    client.get("/")
    before = chest.stats()
    assert (before.recorded, before.dropped, before.exporters["main"].delivered) == (2, {}, 0)
    assert before.exporters["main"].pending_bytes > 400
    assert 0 < before.exporters["main"].lag_seconds < 60
    assert chest.flush()
    after = chest.stats().exporters["main"]
    assert (after.delivered, after.pending_bytes, after.lag_seconds) == (2, 0, 0.0)
    assert (after.failures, after.rejected, after.last_error) == (0, 0, None)


def test_two_exporters_of_one_type_side_by_side(make_chest, app, tmp_path):
    chest = make_chest(
        exporters={name: f"sqlite:///{tmp_path / name}.sqlite3" for name in ("near", "far")}
    )
    chest.init_app(app)
    add_view(app, chest)
    app.test_client().get("/")
    assert chest.flush()
    [near], [far] = chest.store("near").query(), chest.store("far").query()
    assert near == far


def test_a_memory_journal_needs_no_folder(make_chest, app, tmp_path, recorded):
    chest = make_chest(journal="memory")
    chest.init_app(app)
    add_view(app, chest)
    app.test_client().get("/")
    recorded(chest, 1)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_an_unknown_store_is_named_with_those_there_are(chest, app):
    chest.init_app(app)
    with pytest.raises(ConfigurationError, match=r"store\('mian'\).*\['main'\]"):
        chest.store("mian")


def test_what_cannot_choose_records_is_refused(chest, app):
    chest.init_app(app)
    store = chest.store()
    for limit in (0, -1):
        with pytest.raises(ValueError, match=f"limit={limit}"):
            store.query(limit=limit)
        with pytest.raises(ValueError, match=f"limit={limit}"):
            store.top_values("n", limit=limit)
    with pytest.raises(TypeError, match="since='2020' is not an aware datetime"):
        store.query(since="2020")


def test_something_else_than_an_application_is_refused():
    with pytest.raises(ConfigurationError, match=r"FlaskChest\('shop'\).*application itself"):
        FlaskChest("shop")


def test_an_unknown_restriction_is_named_with_those_there_are(chest, app):
    chest.init_app(app)
    with pytest.raises(TypeError, match=r"by 'rout', only by endpoint, .*, route"):
        chest.store().query(rout="/")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "can match no variable"),
        (("user id",), "can match no variable"),
        (("a", "!a"), "can match nothing"),
        (({"GETT": ["a"]},), "Did you mean 'GET'?"),
        (("a", {"GET": ["b"]}), "separate strings"),
        ((["a", "b"],), "separate strings"),
        ((7,), "separate strings"),
    ],
)
def test_a_wrong_track_fails_where_it_stands(chest, arguments, message):
    with pytest.raises(ConfigurationError) as caught:
        chest.track(*arguments)(lambda: "")
    assert message in str(caught.value)
    assert str(arguments[0]) in str(caught.value) or repr(arguments[0]) in str(caught.value)


def test_track_on_a_class_or_a_value_says_what_to_decorate(chest):
    with pytest.raises(ConfigurationError, match=r"decorators = \[chest.track\]"):
        chest.track("a")(type("Cart", (), {}))
    with pytest.raises(ConfigurationError, match="not a function"):
        chest.track("a")("view")
    with pytest.raises(ConfigurationError, match="request_id=3 is not a function"):
        chest.track("a", request_id=3)


def test_register_after_init_app_is_refused(chest, app):
    chest.init_app(app)
    with pytest.raises(ConfigurationError, match="before init_app"):
        chest.register_plugin(object())
