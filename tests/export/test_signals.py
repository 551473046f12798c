"""Signals say when an exporter fails and records are dropped, and when that is over."""

from __future__ import annotations

import asyncio
import functools
import gc
import itertools
import threading
import weakref

import pytest
from flask import Flask
from support.exporting import Failing, Keeper, Refusing
from support.waiting import until

from flask_chest import FlaskChest, signals
from flask_chest.errors import ExporterUnavailable
from flask_chest.runtime import announcer
from flask_chest.testing import RecordingExporter

ALL = {
    name: value for name, value in vars(signals).items() if isinstance(value, signals.NamedSignal)
}


@pytest.fixture
def heard():
    """Return what is sent from now on: name of the signal, sender, and values."""
    found, receivers = [], {}
    for name, signal in ALL.items():

        def hear(sender, name=name, **values):
            found.append((name, sender, values))

        receivers[name] = signal.connect(hear)
    yield found
    for name, receiver in receivers.items():
        ALL[name].disconnect(receiver)


@pytest.fixture
def app():
    return Flask("shop")


def names(heard):
    return [name for name, _, _ in heard]


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_an_exporter_that_fails_is_announced_once_and_so_is_its_recovery(make, heard, app, kind):
    failing = Failing(3, "export", ExporterUnavailable("away"))
    process = make({"main": failing, "good": Keeper()}, kind=kind, app=app)
    process.record(range(3))
    for _ in range(3):
        assert not process.export.flush(5.0)
    assert process.export.flush(5.0)
    process.record([4])
    assert process.export.flush(5.0)
    [(first, sender, began), (second, other, ended)] = heard
    assert (first, second) == ("exporter_failing", "exporter_recovered")
    assert sender is other is app
    assert began == {"exporter": "main", "error": failing.error}
    assert set(ended) == {"exporter", "seconds"}
    assert ended["exporter"] == "main"
    assert 0.0 < ended["seconds"] < 60.0
    failing.left = 1
    process.record([5])
    assert not process.export.flush(5.0)
    assert names(heard)[2:] == ["exporter_failing"]


def test_a_rejected_record_is_no_failing_exporter(make, heard, app):
    process = make(Refusing({1}), app=app)
    process.record(range(3))
    assert process.export.flush(5.0)
    assert process.stats().rejected == 1
    assert heard == []


def test_it_is_over_when_another_process_has_delivered_what_waited(make, heard, app):
    """As when this process has failed in a flush, and the leader is another one."""
    leader, other = make(Keeper(), app=app), make(Failing(1), app=app)
    leader.export.start()
    assert leader.journal.try_lead()
    other.record(range(3))
    assert not other.export.flush(5.0)
    assert names(heard) == ["exporter_failing"]
    assert leader.export.flush(5.0)
    other.export.start()
    other.export.supervisors["main"].wake()
    until(lambda: names(heard) == ["exporter_failing", "exporter_recovered"])
    assert other.stats().last_error is None


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(announcer.time, "monotonic", clock)
    return clock


@pytest.fixture
def drops(make, clock, app):
    """Return a process, without a thread, that looks for drops where the test says so."""
    process = make({"main": Keeper(), "other": Keeper()}, app=app)
    process.announcer.look_for_drops()
    return process


def test_drops_are_announced_with_their_reasons_and_are_over_after_a_minute(drops, heard, clock):
    drops.counters.add("dropped", "disk_full", 3)
    drops.counters.add("dropped main", "journal_full", 1_467)
    drops.counters.add("failures", "main")
    drops.announcer.look_for_drops()
    assert [(name, values) for name, _, values in heard] == [
        (
            "records_dropped",
            {"dropped": {"disk_full": 3}, "exporters": {"main": {"journal_full": 1_467}}},
        )
    ]
    for _ in range(5):  # it goes on for a while: nothing new
        clock.now += 50.0
        drops.counters.add("dropped main", "journal_full", 10)
        drops.announcer.look_for_drops()
    clock.now += 59.9
    drops.announcer.look_for_drops()
    assert len(heard) == 1
    clock.now += 0.2
    drops.announcer.look_for_drops()
    drops.announcer.look_for_drops()
    name, _, values = heard[-1]
    assert (len(heard), name) == (2, "drops_ended")
    assert values == {
        "dropped": {"disk_full": 3},
        "exporters": {"main": {"journal_full": 1_517}},
        "seconds": 250.0,
    }
    drops.counters.add("dropped", "disk_full")
    drops.announcer.look_for_drops()
    assert heard[-1][2] == {"dropped": {"disk_full": 1}, "exporters": {}}


def test_drops_of_an_application_are_announced_by_itself(tmp_path, heard):
    """A journal in memory that is full, on the way that a request takes."""
    app = Flask("shop", instance_path=str(tmp_path))
    chest = FlaskChest(
        exporters={"main": {"type": "recording"}},
        journal="memory",
        journal_max_bytes=1_048_576,
        export_interval_seconds=0.05,
        track_all=True,
    )
    chest.register_plugin(RecordingExporter())
    chest.init_app(app)
    app.get("/<name>")(lambda name: "")
    state = app.extensions["flask_chest"]
    with state.journal.reader("main").lease():  # nothing is delivered meanwhile
        client = app.test_client()
        while not chest.stats().exporters["main"].dropped:
            for _ in range(100):
                client.get("/" + "x" * 900)
        until(lambda: heard)
    name, sender, values = heard[0]
    assert (name, sender) == ("records_dropped", app)
    assert set(values["exporters"]) == {"main"}
    chest.close()


@pytest.mark.parametrize("fault", [RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_receiver_that_raises_harms_neither_delivery_nor_another_receiver(
    make, heard, app, caplog, fault
):
    def raises(sender, **values):
        raise fault("4111 1111 1111 1111")

    with signals.exporter_failing.connected_to(raises):
        failing = Failing(1)
        process = make(failing, app=app)
        process.record(range(3))
        assert not process.export.flush(5.0)
        assert process.export.flush(5.0)
    assert failing.numbers == [0, 1, 2]
    assert names(heard) == ["exporter_failing", "exporter_recovered"]
    [(key, number)] = process.counters.by_reason("plugin_errors").items()
    assert key.endswith(".raises: chest-exporter-failing")
    assert number == 1
    assert f"failed: {fault.__name__} at {__file__}:" in caplog.text
    assert "4111" not in caplog.text


async def awaits(sender, **values):
    await asyncio.sleep(0)


class Awaits:
    async def __call__(self, sender, **values):
        await asyncio.sleep(0)


@pytest.mark.parametrize("receiver", [awaits, functools.partial(awaits), Awaits()])
def test_a_receiver_that_is_to_be_awaited_is_an_error(make, app, receiver):
    with signals.exporter_failing.connected_to(receiver):
        process = make(Failing(1), app=app)
        process.record([1])
        assert not process.export.flush(5.0)
    assert list(process.counters.by_reason("plugin_errors").values()) == [1]


class FailsOnce(Keeper):
    """Fails once, whichever of its instances is called."""

    def take(self, numbers):
        if "failed" not in self.calls:
            self.calls.append("failed")
            raise ExporterUnavailable("away")
        super().take(numbers)


def test_a_receiver_that_hangs_is_abandoned_and_delivery_goes_on(make, heard, app):
    entered, let_go = itertools.count(), threading.Event()

    def hangs(sender, **values):
        next(entered)
        assert let_go.wait(60)

    with signals.exporter_failing.connected_to(hangs):
        once = FailsOnce()
        process = make(
            {"main": once}, interval=0.05, retry_seconds=0.01, timeout_seconds=3.0, app=app
        )
        process.export.start()
        process.record(range(3))
        until(lambda: once.numbers == [0, 1, 2])
        until(lambda: "exporter_recovered" in names(heard))
        let_go.set()
    # Another receiver is called before it, or after it in the thread that hung.
    until(lambda: "exporter_failing" in names(heard))
    assert next(entered) == 1  # called once
    assert names(heard).count("exporter_failing") == 1


def test_the_sender_is_the_name_of_an_application_that_was_collected(make, heard):
    process = make(Failing(1), app=None)
    process.record([1])
    assert not process.export.flush(5.0)
    assert heard[0][1] == "gone"


def test_a_receiver_of_another_application_is_not_called(make, app):
    heard = []

    def receiver(sender, **values):
        heard.append(sender)

    other = Flask("other")
    signals.exporter_failing.connect(receiver, sender=other)
    process = make(Failing(1), app=app)
    process.record([1])
    assert not process.export.flush(5.0)
    assert heard == []
    signals.exporter_failing.disconnect(receiver, sender=other)


def test_a_muted_signal_is_silent(make, app, heard):
    process = make(Failing(1), app=app)
    process.record([1])
    with signals.exporter_failing.muted():
        assert not process.export.flush(5.0)
    assert heard == []


def test_signals_keep_no_application_alive(tmp_path):
    app = Flask("shop", instance_path=str(tmp_path))
    chest = FlaskChest(app, exporters="sqlite:///<instance>/chest.sqlite3")
    gone = weakref.ref(app)
    chest.close()
    del app
    gc.collect()
    assert gone() is None


def test_every_signal_documents_its_values():
    assert set(ALL) == {"exporter_failing", "exporter_recovered", "records_dropped", "drops_ended"}
    for name, signal in ALL.items():
        assert signal.name == "chest-" + name.replace("_", "-")
        assert "Args:" in signal.__doc__
