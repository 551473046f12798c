"""Exporters that fail: records wait, and delivery is retried with a backoff."""

from __future__ import annotations

import logging
import re
import time

import pytest
from support.exporting import (
    Failing,
    Keeper,
)
from support.waiting import until

from flask_chest.errors import ExporterUnavailable
from flask_chest.export import backoff


@pytest.mark.parametrize("kind", ["disk", "memory"])
@pytest.mark.parametrize("where", ["open", "export"])
@pytest.mark.parametrize(
    "error",
    [ExporterUnavailable("away"), OSError("refused"), SystemExit(1), GeneratorExit()],
    ids=repr,
)
def test_records_wait_until_the_exporter_works_again(make, caplog, kind, where, error):
    failing = Failing(3, where, error)
    process = make(failing, kind=kind)
    process.record(range(25))
    for failures in (1, 2, 3):
        assert not process.export.flush(5.0)
        assert process.stats().failures == failures
        assert type(error).__name__ in process.stats().last_error
        assert failing.calls == ["open", "close"] * failures
        assert process.stats().pending_bytes > 0
    assert process.export.flush(5.0)
    assert failing.numbers == list(range(25))
    assert process.stats().last_error is None
    assert process.stats().pending_bytes == 0
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "the records wait in the journal" in caplog.messages[0]
    assert re.search(r"delivers again after \d+ s; attempts that failed: 3;", caplog.messages[1])


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_the_end_of_an_outage_is_logged_with_what_waited_and_for_how_long(
    make, caplog, monkeypatch, kind
):
    failing = Failing(2)
    process = make(failing, kind=kind, batch=2_000)
    process.record(range(1_234))
    assert not process.export.flush(5.0)
    now, monotonic = time.time(), time.monotonic()
    monkeypatch.setattr("time.time", lambda: now + 43.2)
    monkeypatch.setattr("time.monotonic", lambda: monotonic + 43.2)
    assert not process.export.flush(5.0)
    caplog.clear()
    assert process.export.flush(5.0)
    [line] = caplog.messages
    found = re.fullmatch(
        r"The exporter 'main' delivers again after (\d+) s; attempts that failed: 2; "
        r"1,234 records had waited, the oldest for (\d+) s",
        line,
    )
    assert 43 <= int(found[1]) <= int(found[2]) < 60, "43 s, and what a busy machine adds"
    process.record([1])
    assert process.export.flush(5.0)  # an outage ends once
    assert len(caplog.records) == 1


def test_what_waited_is_counted_beyond_the_first_batch(make, caplog):
    process = make(Failing(1), batch=100)
    process.record(range(1_234))
    assert not process.export.flush(5.0)
    assert process.export.flush(5.0)
    assert re.search(r"; 1,234 records had waited, the oldest for \d+ s", caplog.messages[-1])


def test_an_exporter_that_fails_now_and_then_logs_a_line_a_minute_whose_numbers_add_up(
    make, caplog
):
    failing = Failing(0)
    process = make(failing)
    for failures in (3, 2, 2):
        failing.left = failures
        process.record([1])
        while not process.export.flush(5.0):
            pass
    process.throttle.flush()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    failed = [re.search(r"attempts that failed: (\d+);", line) for line in caplog.messages]
    assert [found and int(found[1]) for found in failed] == [None, 3, 4]
    assert "; 1 record had waited, the oldest for " in caplog.messages[1]


def test_delivery_is_retried_without_a_flush(make):
    failing = Failing(1)
    process = make(failing, interval=0.05)
    process.export.start()
    process.record(range(3))
    until(lambda: failing.numbers == [0, 1, 2])
    assert process.stats().failures == 1


def test_an_exporter_that_fails_half_way_continues_from_its_cursor(make):
    failing = Failing(0)
    process = make(failing, batch=10)
    process.record(range(30))
    original = failing.take

    def take(numbers):
        if numbers[0] == 20 and failing.calls == ["open"]:
            raise ExporterUnavailable("in the middle")
        original(numbers)

    failing.take = take
    assert not process.export.flush(5.0)
    assert failing.numbers == list(range(20))
    assert process.export.flush(5.0)
    assert failing.numbers == list(range(30))


class Odd(BaseException):
    """A class of an exporter's own, which `except Exception` does not catch."""


@pytest.mark.parametrize("fault", [RuntimeError, Odd, SystemExit, GeneratorExit])
def test_an_exporter_whose_close_fails_too_is_opened_again(make, fault, caplog):
    caplog.set_level(logging.DEBUG, "flask_chest")

    class Broken(Failing):
        def close(self):
            super().close()
            raise fault("and this, too")

    broken = Broken(2)
    process = make(broken)
    process.record([1])
    assert [process.export.flush(5.0) for _ in range(3)] == [False, False, True]
    assert broken.numbers == [1]
    failed = [record for record in caplog.records if "failed in close" in record.message]
    levels = [record.levelname for record in failed]
    assert levels == ["DEBUG", "DEBUG", "WARNING"], "only the last one was no reaction to a failure"
    assert f"until this process ends: {fault.__name__} ({__file__}:" in failed[2].message


@pytest.mark.parametrize("fault", [ExporterUnavailable, RuntimeError, Odd, SystemExit])
def test_an_exporter_whose_idle_fails_has_its_records_and_is_opened_again(make, fault, caplog):
    class Broken(Failing):
        def idle(self):
            raise fault("and this, too")

    broken = Broken(0)
    process = make(broken)
    for number in range(3):
        process.record([number])
        assert process.export.flush(5.0), "what has arrived has arrived"
    assert broken.numbers == [0, 1, 2]
    stats = process.stats()
    assert (stats.last_error, stats.failures, stats.pending_bytes) == (None, 0, 0)
    assert broken.calls.count("open") == broken.calls.count("close") == 3
    failed = [record for record in caplog.records if "failed in idle" in record.message]
    assert [record.levelname for record in failed] == ["WARNING"], "once, and not for each batch"
    assert f"costs no record; it is closed: {fault.__name__}" in failed[0].message


def test_a_segment_that_cannot_be_read_is_reported_and_holds_up_no_other(make, folder, caplog):
    keeper = Keeper()
    process = make(keeper)
    bad = folder / "segments" / "0.jsonl"
    bad.mkdir()
    process.record(range(3))
    assert not process.export.flush(5.0)
    assert keeper.numbers == [0, 1, 2]
    assert process.stats().last_error is None, "the exporter itself is well"
    assert "got all records but some that cannot be read" in caplog.text
    assert (folder / "damaged" / bad.name).is_dir()
    assert process.export.flush(5.0)
    assert keeper.numbers == [0, 1, 2]


def test_a_failure_is_retried_long_before_the_next_interval(make):
    failing = Failing(4)
    process = make({"main": failing}, interval=1_000.0, retry_seconds=0.05)
    process.export.start()
    process.record([1])
    process.export.supervisors["main"].wake()
    until(lambda: failing.numbers == [1])
    until(lambda: process.stats().last_error is None)  # noted when the cursor has moved
    assert process.stats().failures == 4


def test_a_retry_whose_pause_is_over_at_once_does_not_wait_for_the_next_interval(make, monkeypatch):
    monkeypatch.setattr(backoff.chance, "uniform", lambda _low, _high: 0.0)
    failing = Failing(4)
    process = make({"main": failing}, interval=1_000.0)
    process.export.start()
    process.record([1])
    process.export.supervisors["main"].wake()
    until(lambda: failing.numbers == [1], seconds=30.0)
    until(lambda: process.stats().last_error is None)
    assert process.stats().failures == 4


def test_the_backoff_ceiling_doubles_up_to_its_limit_and_is_reset_by_a_success(make, monkeypatch):
    ceilings = []
    monkeypatch.setattr(
        backoff.chance, "uniform", lambda low, high: ceilings.append((low, high)) or 0.0
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


@pytest.mark.parametrize("asked", [30.0, 1e9, float("inf"), "30"])
def test_a_destination_that_asks_for_a_pause_is_left_alone_even_by_a_flush(
    make, monkeypatch, asked
):
    failing = Failing(1, error=ExporterUnavailable("busy", retry_after_seconds=asked))
    process = make(failing, retry_seconds=1.0)
    process.record([1])
    assert not process.export.flush(5.0)
    calls = list(failing.calls)
    assert not process.export.flush(5.0)
    assert failing.calls == calls, "it was not even opened"
    assert process.stats().failures == 1
    passed = time.monotonic() + min(float(asked), 3_600.0) + 1.0
    monkeypatch.setattr("time.monotonic", lambda: passed)
    assert process.export.flush(5.0)
    assert failing.numbers == [1]


@pytest.mark.parametrize(
    "asked", [0.0, -5.0, float("nan"), None, "Wed, 21 Oct 2026 07:28:00 GMT", 10**400]
)
def test_a_pause_that_is_none_delays_no_flush(make, asked):
    failing = Failing(1, error=ExporterUnavailable("busy", retry_after_seconds=asked))
    process = make(failing, retry_seconds=1_000.0)
    process.record([1])
    assert not process.export.flush(5.0)
    assert process.export.flush(5.0)


def test_the_backoff_of_one_exporter_delays_no_other(make):
    failing, good = Failing(1_000_000), Keeper()
    process = make({"failing": failing, "good": good}, interval=0.05, retry_seconds=1_000.0)
    process.export.start()
    for number in range(5):
        process.record([number])
        until(lambda: good.numbers == list(range(number + 1)))  # noqa: B023
    assert process.stats("good").failures == 0
