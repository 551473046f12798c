"""`chest.erase`: out of every store, the journal and the dead letters, and nothing comes back."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from flask import g
from support.picky import Plugin
from support.waiting import until

from flask_chest import ConfigurationError, DeliveryBusy, FilterError, open_store
from flask_chest.testing import RecordingExporter, make_batch, make_record

PROGRAM = Path(__file__).parent / "programs" / "erasing.py"
U = "user_id == 'u-17'"


@pytest.fixture
def picky():
    return Plugin()


@pytest.fixture
def chest(make_chest, app, picky, tmp_path):
    chest = make_chest(
        exporters={
            "main": f"sqlite:///{tmp_path}/main.sqlite3",
            "picky": {"type": "picky", "path": str(tmp_path / "picky.sqlite3")},
            "hook": {"type": "recording"},
        },
        retry_seconds=0.1,
    )
    chest.register_plugin(picky)
    chest.register_plugin(RecordingExporter())
    chest.init_app(app)

    @app.get("/<user>")
    @chest.track("user_id", "bad")
    def view(user):
        g.user_id = user
        if user.endswith("-bad"):
            g.user_id = user.removesuffix("-bad")
            g.bad = True
        return "ok"

    return chest


def ask(app, *users):
    for user in users:
        assert app.test_client().get(f"/{user}").text == "ok"


def users(chest, app, name):
    with app.app_context():
        return sorted(record.variables["user_id"] for record in chest.store(name).query())


def files_with(folder, text):
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def test_it_erases_what_was_delivered_what_waits_and_what_was_refused(chest, app, picky, tmp_path):
    ask(app, "u-17", "u-1", "u-17-bad", "u-1-bad")
    assert chest.flush(60)
    picky.store.is_down = True
    ask(app, "u-17", "u-17", "u-1")
    until(lambda: not chest.flush(0.2) and len(users(chest, app, "main")) == 7)
    assert files_with(tmp_path / "journal", b"u-17")
    report = chest.erase(U)
    assert report.where == U
    assert report.stores == {"main": 4, "picky": 1}
    assert report.journal.waiting == 2
    assert report.journal.dead_letters == 1
    assert list(report.impossible) == ["hook"]
    assert "'recording' cannot erase" in report.impossible["hook"]
    assert report.failed == {}
    assert report.is_complete
    assert files_with(tmp_path / "journal", b"u-17") == []
    picky.store.is_down = False
    assert chest.flush(60)
    assert users(chest, app, "main") == ["u-1", "u-1", "u-1"]
    assert users(chest, app, "picky") == ["u-1", "u-1"]
    again = chest.erase(U)
    assert again.total == 0
    assert again.is_complete


def test_a_store_that_cannot_be_reached_is_named_and_the_others_are_erased(
    make_chest, app, tmp_path
):
    chest = make_chest(
        exporters={
            "main": f"sqlite:///{tmp_path}/main.sqlite3",
            "far": "postgresql://chest:secret-pw@127.0.0.1:1/shop?connect_timeout=1",
        }
    )
    chest.init_app(app)
    with app.app_context():
        chest.store("main").export(make_batch(make_record(variables={"user_id": "u-17"})))
    report = chest.erase(U)
    assert report.stores == {"main": 1, "far": 0}
    assert list(report.failed) == ["far"]
    assert "secret-pw" not in report.failed["far"]
    assert not report.is_complete


def test_what_cannot_be_read_is_counted_whatever_was_read_before(chest, app, tmp_path):
    ask(app, "u-17", "u-17", "u-1")
    assert chest.flush(60)
    with closing(sqlite3.connect(tmp_path / "main.sqlite3")) as connection:

        def write(variables):
            with connection:
                connection.execute(
                    "UPDATE chest_records SET variables = ? "
                    "WHERE rowid = (SELECT min(rowid) FROM chest_records)",
                    (variables,),
                )

        write('{"user_id": "u-17",')
        assert users(chest, app, "main") == ["u-1", "u-17"]
        report = chest.erase(U)
        assert (report.stores["main"], report.unreadable) == (1, {"main": 1})
        assert chest.erase(U).unreadable == {"main": 1}
        write('{"user_id": "u-17"}')
        report = chest.erase(U)
        assert (report.stores["main"], report.unreadable) == (1, {})


def test_a_wrong_filter_erases_nothing(chest, app):
    ask(app, "u-17")
    assert chest.flush(60)
    with pytest.raises(FilterError):
        chest.erase("user_id = 'u-17'")
    assert users(chest, app, "main") == ["u-17"]


def test_an_application_that_is_switched_off_does_not_claim_to_have_erased(make_chest, app):
    chest = make_chest(enabled=False)
    chest.init_app(app)
    with pytest.raises(ConfigurationError, match="CHEST_ENABLED"):
        chest.erase(U)


def test_it_waits_for_a_delivery_and_gives_up_before_it_erases_anything(chest, app):
    ask(app, "u-17")
    assert chest.flush(60)
    [state] = chest._applications.states
    with state.journal.reader("picky").lease() as held:
        assert held
        with pytest.raises(DeliveryBusy, match="'picky'"):
            chest.erase(U, timeout=0.1)
    assert users(chest, app, "main") == ["u-17"]
    assert chest.erase(U).stores == {"main": 1, "picky": 1}


def test_nothing_comes_back_while_requests_and_deliveries_go_on(chest, app, tmp_path):
    chest_ended = threading.Event()
    faults = []

    def go_on():
        try:
            while not chest_ended.is_set():
                ask(app, "u-1")
                chest.flush(10)
        except Exception as error:  # noqa: BLE001 - asserted on below
            faults.append(error)

    ask(app, *["u-17", "u-2"] * 50)
    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    report = chest.erase(U)
    assert report.is_complete
    chest_ended.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert chest.flush(60)
    for name in ("main", "picky"):
        with app.app_context():
            assert chest.store(name).count(variables={"user_id": "u-17"}) == 0
            assert chest.store(name).count(variables={"user_id": "u-2"}) == 50
    assert until(lambda: not files_with(tmp_path / "journal", b"u-17"))


@pytest.mark.parametrize("step", [2, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 3))])
def test_an_erasure_that_was_killed_is_done_by_the_next(tmp_path, step):
    url = f"sqlite:///{tmp_path}/main.sqlite3"
    records = [make_record(variables={"user_id": f"u-{n % 3}"}) for n in range(3_000)]
    with closing(open_store(url, create=True)) as store:
        store.export(make_batch(*records))
        result = subprocess.run([sys.executable, PROGRAM, url, str(step)], check=False, timeout=120)
        assert result.returncode == -signal.SIGKILL
        left = store.count()
        assert 2_000 <= left < 3_000
        assert store.count(variables={"user_id": "u-1"}) == 1_000
        assert store.erase("user_id == 'u-0'") == left - 2_000
        assert store.count() == 2_000
