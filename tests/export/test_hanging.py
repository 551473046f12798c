"""Exporters and plugins whose calls do not return."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
from support.exporting import (
    Hanging,
    Keeper,
    NoConfig,
    our_threads,
)
from support.waiting import until

from flask_chest.errors import ExporterUnavailable
from flask_chest.export import worker
from flask_chest.exporter import Exporter
from flask_chest.hookspecs import hookimpl


@pytest.fixture
def make(make):
    return lambda exporters, **options: make(
        exporters, **{"interval": 0.05, "retry_seconds": 0.01, **options}
    )


class Clock:
    """The workers' clock. A call in progress when it jumps is overdue, and no other ever is."""

    def __init__(self):
        self.ahead = 0.0

    def monotonic(self):
        return time.monotonic() + self.ahead

    @contextlib.contextmanager
    def jumped(self):
        self.ahead = LONG
        yield
        self.ahead = 0.0


LONG = 1_000.0
"""Seconds that no call takes by itself."""


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(worker, "time", clock)
    return clock


class World:
    """What the instances of one exporter share: which of them hang where, and the database."""

    def __init__(self, where, hanging):
        self.where, self.hanging = where, hanging
        self.instances = []
        self.let_go = threading.Event()
        self.database = {}
        self.calls = []

    def exporter(world):  # noqa: N805
        class Stuck(Exporter):
            type = "stuck"
            config_model = NoConfig

            def __init__(self, config=None):
                super().__init__(config or NoConfig())
                self.number = len(world.instances)
                world.instances.append(self)

            def _enter(self, method):
                world.calls.append((self.number, method, threading.get_ident()))
                if method == world.where and self.number < world.hanging:
                    assert world.let_go.wait(30)

            def open(self):
                self._enter("open")
                if world.where == "close" and self.number == 0:
                    raise ExporterUnavailable("so that it is closed")

            def export(self, batch):
                self._enter("export")
                for record in batch.records():
                    world.database[record["n"]] = self.number

            def close(self):
                self._enter("close")

        return Stuck()


@pytest.mark.parametrize("kind", ["disk", "memory"])
@pytest.mark.parametrize("where", ["open", "export", "close"])
def test_a_call_that_does_not_return_is_abandoned_and_another_instance_goes_on(
    make, clock, where, kind
):
    world, good = World(where, 1), Keeper()
    process = make({"stuck": world.exporter(), "good": good}, kind=kind, timeout_seconds=LONG)
    process.export.start()
    process.record(range(25))
    until(process.export.supervisors["good"].flush(time.monotonic() + LONG).wait)
    until(lambda: where in [method for _, method, _ in world.calls])
    with clock.jumped():
        until(lambda: sorted(world.database) == list(range(25)))
    assert set(world.database.values()) == {1}, "the second instance"
    until(lambda: process.stats("stuck").delivered == 25)  # counted when the cursor has moved
    stats = process.stats("stuck")
    assert stats.failures == 1
    assert stats.pending_bytes == 0
    assert good.numbers == list(range(25))

    # The thread that hung does no more than close its own instance, if that is not what hangs.
    world.let_go.set()
    until(lambda: our_threads().count("chest-export-stuck") == 1)
    process.record([25])
    until(lambda: 25 in world.database)
    process.export.close()
    threads = [{t for number, _, t in world.calls if number == n} for n in (0, 1)]
    assert list(map(len, threads)) == [1, 1]
    assert threads[0] != threads[1], "an instance is used by one thread only"
    for number in (0, 1):
        methods = [method for n, method, _ in world.calls if n == number]
        assert (methods[0], methods[-1], methods.count("open")) == ("open", "close", 1)
    assert stats.delivered + 1 == process.stats("stuck").delivered


def test_an_abandoned_call_is_logged_with_the_setting_and_told_to_plugins(make, caplog):
    told = []

    class Listener:
        @hookimpl
        def chest_export_failed(self, exporter, error):
            told.append((exporter, str(error)))

    world = World("export", 1)
    process = make({"stuck": world.exporter()}, timeout_seconds=0.1, plugins=[Listener()])
    process.export.start()
    process.record([1])
    until(lambda: world.database)
    message = (
        "export has not returned for 0.1 seconds (CHEST_EXPORT_TIMEOUT_SECONDS) and was abandoned"
    )
    until(lambda: told[:1] == [("stuck", message)])
    assert message in caplog.text
    world.let_go.set()


def test_a_plugin_that_does_not_return_from_a_notification_is_abandoned_too(make, clock):
    let_go = threading.Event()
    told = []

    class Listener:
        @hookimpl
        def chest_exported(self, exporter, batch):
            told.append(len(batch))
            if len(told) == 1:
                assert let_go.wait(30)

    world = World("nowhere", 0)
    process = make({"main": world.exporter()}, timeout_seconds=LONG, plugins=[Listener()])
    process.export.start()
    process.record([1])
    until(lambda: told == [1])
    with clock.jumped():
        until(lambda: process.stats().pending_bytes == 0)
    assert process.stats().failures == 1
    let_go.set()
    until(lambda: our_threads().count("chest-export-main") == 1)


def test_at_most_three_threads_of_an_exporter_hang_at_the_same_time(make, caplog):
    world = World("export", 1_000)
    process = make({"main": world.exporter()}, timeout_seconds=0.05, retry_max_seconds=0.01)
    process.export.start()
    process.record([1])
    until(lambda: process.stats().failures == 3)
    for _ in range(20):
        process.export.supervisors["main"].wake()
    assert our_threads().count("chest-export-main") == 3
    assert caplog.text.count("has 3 calls that do not return, and no further one is started") == 1
    assert process.stats().pending_bytes > 0
    assert not process.export.flush(0.05)
    world.hanging = 0
    world.let_go.set()
    until(lambda: process.stats().pending_bytes == 0)
    assert world.database.keys() == {1}
    until(lambda: our_threads().count("chest-export-main") == 1)


def test_another_process_delivers_what_one_that_hangs_in_a_call_had_taken(make):
    world, keeper = World("export", 1), Keeper()
    leader = make({"main": world.exporter()}, timeout_seconds=0.2, retry_seconds=30.0)
    leader.export.start()
    leader.record([1])
    until(lambda: world.calls)
    other = make({"main": keeper})
    assert other.export.flush(10.0), "once the lease is broken"
    assert keeper.numbers == [1]
    world.let_go.set()


def test_a_call_that_is_slow_but_returns_in_time_is_not_abandoned(make):
    world = World("export", 1)
    process = make({"main": world.exporter()}, timeout_seconds=30.0)
    process.export.start()
    process.record([1])
    until(lambda: len(world.calls) == 2)
    for _ in range(20):
        process.export.supervisors["main"].wake()
    world.let_go.set()
    until(lambda: world.database == {1: 0})
    assert process.stats().failures == 0


def test_an_exporter_that_hangs_holds_up_neither_the_others_nor_the_end(make):
    good, hanging = Keeper(), Hanging()
    process = make({"hanging": hanging, "good": good}, interval=0.05, shutdown=0.4)
    process.export.start()
    process.record(range(5))
    assert hanging.entered.wait(5)
    process.record(range(5, 10))
    until(lambda: good.numbers == list(range(10)))
    process.record(range(10, 15))
    started = time.monotonic()
    process.export.close()
    assert time.monotonic() - started < 5.0, "it hangs for ever"
    assert good.numbers == list(range(15))
    assert our_threads() == ["chest-export-hanging"]
    assert good.calls == ["open", "close"]

    hanging.let_go.set()
    until(lambda: not our_threads())
    assert hanging.numbers == list(range(5)), "it ends after the batch that it was at"
    assert hanging.calls == ["open", "close"]


def test_a_thread_that_hangs_keeps_its_records_when_delivery_starts_again(make):
    hanging = Hanging()
    process = make(hanging, interval=0.05, shutdown=0.05)
    process.export.start()
    process.record(range(5))
    assert hanging.entered.wait(5)
    process.export.close()
    process.export.start()
    process.record(range(5, 10))
    assert not process.export.flush(0.1), "it still has the delivery lease"
    assert our_threads().count("chest-export-main") == 2
    hanging.let_go.set()
    assert process.export.flush(5.0)
    assert hanging.numbers == list(range(10))
    until(lambda: our_threads().count("chest-export-main") == 1)
    process.export.close()
    assert our_threads() == []
    assert not hanging.is_open


def test_the_delivery_lease_of_a_thread_that_hung_is_free_once_it_returns(make):
    hanging, keeper = Hanging(), Keeper()
    process = make(hanging, interval=0.05, shutdown=0.05)
    process.export.start()
    process.record([1])
    assert hanging.entered.wait(5)
    process.export.close()
    process.export.start()
    process.record([2])
    hanging.let_go.set()
    until(lambda: hanging.numbers == [1, 2])
    process.export.close()
    other = make(keeper)
    other.record([3])
    assert other.export.flush(5.0)
    assert keeper.numbers == [3]
