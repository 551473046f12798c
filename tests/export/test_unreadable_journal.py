"""A journal that cannot be read says nothing about an outage: it does not end it."""

from __future__ import annotations

import json

import pytest
from support.exporting import Failing, Keeper
from support.unusable import unusable
from support.waiting import until


@pytest.fixture
def failing(make):
    """Return a leader whose database is away, with three records that wait."""
    process = make(Failing(1_000_000), interval=0.05, retry_seconds=0.01, retry_max_seconds=0.02)
    process.record(range(3))
    process.export.start()
    until(lambda: process.stats().failures)
    return process


def look_without_the_lead(process, said):
    """Let the worker look once more than once while nobody can be the leader."""
    until(lambda: any("Nothing is delivered" in text for text in said()))
    assert not process.export.flush(5.0), "which comes after the look that found this out"


def test_an_outage_goes_on_while_the_journal_cannot_be_read(failing, folder, said):
    before = failing.stats()
    with unusable(folder):
        look_without_the_lead(failing, said)
        now = failing.stats()
    assert "delivers again" not in " ".join(said())
    assert now.last_error is not None
    assert now.failing_since == before.failing_since
    assert (now.pending_records, now.pending_bytes) == (3, before.pending_bytes)
    assert now.lag_seconds >= before.lag_seconds > 0
    failing.exporters["main"].left = 0
    until(lambda: failing.stats().last_error is None)
    assert failing.exporters["main"].numbers == [0, 1, 2]
    assert failing.stats().pending_records == 0
    until(lambda: any("delivers again" in text for text in said()))
    [text] = [text for text in said() if "delivers again" in text]
    assert "; 3 records had waited" in text


def test_an_outage_goes_on_when_the_journal_is_gone(failing, folder, said):
    since = failing.stats().failing_since
    folder.rename(folder.with_name("away"))
    until(lambda: any("Nothing is delivered" in text for text in said()))
    failing.export.flush(5.0)
    assert failing.stats().failing_since == since
    assert "delivers again" not in " ".join(said())


@pytest.mark.parametrize("part", ["segments", "cursors"])
def test_an_outage_goes_on_while_a_part_of_the_journal_cannot_be_read(failing, folder, said, part):
    before = failing.stats()
    with unusable(folder / part):
        until(lambda: "Not a directory" in (failing.stats().last_error or ""))
        now = failing.stats()
        assert now.failing_since == before.failing_since
        assert (now.pending_records, now.pending_bytes) == (3, before.pending_bytes)
    assert "delivers again" not in " ".join(said())


def test_an_outage_ends_when_another_process_has_delivered_all(make, said):
    other, leader = make(Failing(1), interval=0.05), make(Keeper())
    assert leader.journal.try_lead()
    other.record([1])
    other.export.start()
    assert not other.export.flush(5.0)
    assert other.stats().failing_since is not None
    assert leader.export.flush(5.0)
    until(lambda: other.stats().failing_since is None)
    until(lambda: any("delivers again" in text for text in said()))
    [text] = [text for text in said() if "delivers again" in text]
    assert text.endswith("another process has delivered what had waited")


def test_dead_letters_stay_while_the_journal_cannot_be_read(make, folder):
    process = make(Keeper())
    letter = {"error": "refused", "record": json.dumps({"id": "1"})}
    (folder / "dead-letter" / "main.jsonl").write_text(json.dumps(letter) + "\n")
    before = process.stats()
    assert (before.dead_letters, before.last_rejection) == (1, "refused")
    with unusable(folder):
        now = process.stats()
    assert now == before
    (folder / "dead-letter" / "main.jsonl").unlink()
    assert process.stats().dead_letters == 0
