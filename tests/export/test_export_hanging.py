"""Exporters whose calls do not return, and the pauses after those that fail."""

from __future__ import annotations

import threading

import pytest
from support.exporting import Failing, Keeper, NoConfig, Process, dead_letters, our_threads, until

from flask_chest.errors import ExporterUnavailable
from flask_chest.export import backoff
from flask_chest.exporter import Exporter
from flask_chest.hookspecs import hookimpl


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


@pytest.fixture
def make(folder):
    made = []

    def make_process(exporters, *, kind="disk", **options):
        options = {"interval": 0.05, "retry_seconds": 0.01, **options}
        made.append(Process(folder if kind == "disk" else None, exporters, **options))
        return made[-1]

    yield make_process
    for process in made:
        process.export.close()


@pytest.mark.parametrize("kind", ["disk", "memory"])
@pytest.mark.parametrize("where", ["open", "export", "close"])
def test_a_call_that_does_not_return_is_given_up_and_another_instance_goes_on(make, where, kind):
    world, good = World(where, 1), Keeper()
    process = make({"stuck": world.exporter(), "good": good}, kind=kind, timeout_seconds=0.2)
    process.export.start()
    process.record(range(25))
    until(lambda: sorted(world.database) == list(range(25)))
    assert set(world.database.values()) == {1}, "the second instance"
    until(lambda: process.stats("stuck").pending_bytes == 0)
    stats = process.stats("stuck")
    assert stats.failures == 1
    assert stats.delivered == 25
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


def test_a_call_that_was_given_up_is_said_with_the_setting_and_told_to_plugins(make, caplog):
    heard = []

    class Listener:
        @hookimpl
        def chest_export_failed(self, exporter, error):
            heard.append((exporter, str(error)))

    world = World("export", 1)
    process = make({"stuck": world.exporter()}, timeout_seconds=0.1, plugins=[Listener()])
    process.export.start()
    process.record([1])
    until(lambda: world.database)
    message = (
        "export has not returned for 0.1 seconds (CHEST_EXPORT_TIMEOUT_SECONDS) and was abandoned"
    )
    until(lambda: heard == [("stuck", message)])
    assert message in caplog.text
    world.let_go.set()


def test_a_plugin_that_does_not_return_from_a_notification_is_given_up_too(make):
    let_go = threading.Event()
    heard = []

    class Listener:
        @hookimpl
        def chest_exported(self, exporter, batch):
            heard.append(len(batch))
            if len(heard) == 1:
                assert let_go.wait(30)

    world = World("nowhere", 0)
    process = make({"main": world.exporter()}, timeout_seconds=0.1, plugins=[Listener()])
    process.export.start()
    process.record([1])
    until(lambda: process.stats().pending_bytes == 0)
    assert process.stats().failures == 1
    let_go.set()
    until(lambda: our_threads().count("chest-export-main") == 1)


def test_threads_that_hang_for_good_do_not_become_more_and_more(make):
    world = World("export", 1_000)
    process = make({"main": world.exporter()}, timeout_seconds=0.05, retry_max_seconds=0.01)
    process.export.start()
    process.record([1])
    until(lambda: process.stats().failures == 3)
    for _ in range(20):
        process.export.supervisors["main"].wake()
    assert our_threads().count("chest-export-main") == 3
    assert process.stats().pending_bytes > 0
    assert not process.export.flush(0.05)
    world.hanging = 0
    world.let_go.set()
    until(lambda: process.stats().pending_bytes == 0)
    assert world.database.keys() == {1}
    until(lambda: our_threads().count("chest-export-main") == 1)


def test_another_process_delivers_what_one_that_hangs_in_a_call_had_taken(make):
    world, keeper = World("export", 1), Keeper()
    chief = make({"main": world.exporter()}, timeout_seconds=0.2, retry_seconds=30.0)
    chief.export.start()
    chief.record([1])
    until(lambda: world.calls)
    other = make({"main": keeper})
    assert other.export.flush(10.0), "once the turn is given back"
    assert keeper.numbers == [1]
    world.let_go.set()


def test_a_call_that_is_slow_but_returns_in_time_is_not_given_up(make):
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


# -- Pauses --------------------------------------------------------------------------------------


def test_a_failure_is_tried_again_by_itself_long_before_the_next_interval(make):
    failing = Failing(4)
    process = make({"main": failing}, interval=1_000.0, retry_seconds=0.05)
    process.export.start()
    process.record([1])
    process.export.supervisors["main"].wake()
    until(lambda: failing.numbers == [1])
    until(lambda: process.stats().last_error is None)  # noted when the cursor has moved
    assert process.stats().failures == 4


def test_the_longest_pause_doubles_up_to_its_limit_and_begins_anew_after_a_success(
    make, monkeypatch
):
    ceilings = []
    monkeypatch.setattr(
        backoff.random, "uniform", lambda low, high: ceilings.append((low, high)) or 0.0
    )
    failing = Failing(9)
    process = make({"main": failing}, interval=1_000.0, retry_seconds=1.0, retry_max_seconds=60.0)
    process.record([1])
    for _ in range(10):
        process.export.flush(5.0)
    assert failing.numbers == [1]
    assert ceilings == [(0.0, high) for high in (1, 2, 4, 8, 16, 32, 60, 60, 60)]
    failing.left = 1
    process.record([2])
    assert not process.export.flush(5.0)
    assert ceilings[-1] == (0.0, 1.0)


def test_a_pause_ends_no_exporters_but_its_own(make):
    failing, good = Failing(1_000_000), Keeper()
    process = make({"failing": failing, "good": good}, retry_seconds=1_000.0)
    process.export.start()
    for number in range(5):
        process.record([number])
        until(lambda: good.numbers == list(range(number + 1)))  # noqa: B023
    assert process.stats("good").failures == 0


# -- Lines that nobody can read ------------------------------------------------------------------


def test_a_line_of_garbage_is_set_aside_for_an_exporter_that_decodes_and_knows_nothing_of_it(
    make, folder
):
    keeper = Keeper()
    process = make({"main": keeper})
    process.record([1])
    process.journal.append(b"\x00\x00garbage\xff\n")
    process.record([2])
    assert process.export.flush(5.0)
    assert keeper.numbers == [1, 2]
    letter = dead_letters(folder)[0]
    assert letter["error"].startswith("BatchRejected: a record is not JSON")
    assert letter["record"] == "\x00\x00garbage\ufffd\n"
