"""Records that a database refuses are dead-lettered, and all others are delivered."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.exporting import (
    Keeper,
    Process,
    Refusing,
    dead_letters,
)
from support.waiting import until

from flask_chest.errors import BatchRejected, ExporterUnavailable


@settings(max_examples=30, deadline=None)
@given(
    total=st.integers(min_value=1, max_value=40),
    refused=st.sets(st.integers(min_value=0, max_value=39)),
    batch=st.integers(min_value=1, max_value=20),
)
def test_exactly_the_refused_records_are_dead_lettered(total, refused, batch):
    refused &= set(range(total))
    with tempfile.TemporaryDirectory() as folder:
        exporter = Refusing(refused)
        process = Process(Path(folder), {"main": exporter}, batch=batch)
        process.record(range(total))
        assert process.export.flush(10.0)
        assert exporter.numbers == [n for n in range(total) if n not in refused]
        letters = dead_letters(Path(folder))
        assert [letter["record"]["n"] for letter in letters] == sorted(refused)
        assert {letter["error"] for letter in letters} <= {
            "BatchRejected: does not like 1 of 1",
        }
        stats = process.stats()
        assert (stats.rejected, stats.delivered) == (len(refused), total - len(refused))
        assert (stats.failures, stats.pending_bytes) == (0, 0)
        process.export.close()


def test_a_refusal_is_no_delivery(make):
    process = make(Refusing([1, 2]))
    process.record([1, 2])
    assert process.export.flush(5.0)
    stats = process.stats()
    assert (stats.rejected, stats.delivered, stats.last_delivery_at) == (2, 0, None)
    process.record([3])
    assert process.export.flush(5.0)
    delivered = process.stats().last_delivery_at
    assert delivered is not None
    process.record([1])
    assert process.export.flush(5.0)
    assert process.stats().last_delivery_at == delivered


def test_a_record_that_one_exporter_refuses_reaches_the_others(make, folder):
    good, bad = Keeper(), Refusing([3])
    process = make({"good": good, "bad": bad})
    process.record(range(6))
    assert process.export.flush(5.0)
    assert good.numbers == list(range(6))
    assert bad.numbers == [0, 1, 2, 4, 5]
    assert dead_letters(folder, "good") == []
    assert [letter["record"]["n"] for letter in dead_letters(folder, "bad")] == [3]


def test_a_line_that_is_not_json_is_quarantined_whatever_is_in_it(make, folder):
    class Reading(Keeper):
        def export(self, batch):
            try:
                batch.records()
            except ValueError as error:
                raise BatchRejected(str(error)) from error
            super().export(batch)

    keeper = Reading()
    process = make(keeper)
    process.record([1])
    process.journal.append(b"\x00\xff a carriage return \r and \x0b more\n")
    process.journal.append(b"{\n")
    process.record([2])
    assert process.export.flush(5.0)
    assert keeper.numbers == [1, 2]
    assert dead_letters(folder) == []
    assert quarantined(folder) == [b"\x00\xff a carriage return \r and \x0b more\n", b"{\n"]
    assert process.stats().dropped == {"malformed": 2}


def test_a_line_of_garbage_is_quarantined_when_the_exporter_only_decodes(make, folder):
    keeper = Keeper()
    process = make({"main": keeper})
    process.record([1])
    process.journal.append(b"\x00\x00garbage\xff\n")
    process.record([2])
    assert process.export.flush(5.0)
    assert keeper.numbers == [1, 2]
    assert quarantined(folder) == [b"\x00\x00garbage\xff\n"]
    [reason] = (folder / "damaged").glob("*.reason")
    assert "is no record: the record: Invalid JSON" in reason.read_text()


def quarantined(folder):
    """Return the lines that are quarantined, in their order."""
    parts = [path for path in (folder / "damaged").iterdir() if path.suffix != ".reason"]
    return [path.read_bytes() for path in sorted(parts, key=offset_of)]


def offset_of(path):
    return int(path.name.partition("@")[2])


def test_nothing_is_lost_when_the_database_goes_away_between_the_halves(make, folder):
    class Both(Refusing):
        def take(self, numbers):
            if numbers == [4, 5] and not self.was_away:
                self.was_away = True
                raise ExporterUnavailable("in the middle of it")
            super().take(numbers)

    exporter = Both([2, 6])
    exporter.was_away = False
    process = make(exporter, batch=8)
    process.record(range(8))
    assert not process.export.flush(5.0)
    assert process.export.flush(5.0)
    assert exporter.numbers == [0, 1, 3, 4, 5, 7]
    assert [letter["record"]["n"] for letter in dead_letters(folder)] == [2, 6]
    assert process.stats().rejected == 2


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_database_that_goes_away_again_and_again_between_refusals_gets_on(make, kind):
    class Flapping(Refusing):
        calls_left = 6

        def take(self, numbers):
            self.calls_left -= 1
            if self.calls_left < 0:
                self.calls_left = 6
                raise ExporterUnavailable("again")
            super().take(numbers)

    exporter = Flapping(range(0, 16, 2))
    process = make(exporter, kind=kind, batch=16)
    process.record(range(16))
    until(lambda: process.export.flush(5.0))
    assert exporter.numbers == list(range(1, 16, 2))
    assert process.stats().rejected == 8
    assert process.stats().failures > 1


def test_a_dead_letter_that_cannot_be_written_keeps_the_record_waiting(make, folder):
    exporter = Refusing([1])
    process = make(exporter)
    process.record(range(3))
    (folder / "dead-letter" / "main.jsonl").mkdir()
    assert not process.export.flush(5.0)
    assert process.stats().pending_bytes > 0
    (folder / "dead-letter" / "main.jsonl").rmdir()
    assert process.export.flush(5.0)
    assert [letter["record"]["n"] for letter in dead_letters(folder)] == [1]


def test_a_refused_record_that_cannot_be_kept_holds_up_no_other_segment(make, folder, caplog):
    exporter = Refusing([1])
    writer = make(exporter)
    writer.record(range(3))
    writer.journal.close()  # its segment stays
    process = make(exporter)
    process.record(range(3, 6))
    (folder / "dead-letter" / "main.jsonl").mkdir()
    assert not process.export.flush(5.0)
    assert set(exporter.numbers) == {0, 3, 4, 5}
    assert "got all records but some behind one that it refused" in caplog.text
    (folder / "dead-letter" / "main.jsonl").rmdir()
    assert process.export.flush(5.0)
    assert exporter.numbers == [0, 3, 4, 5, 2]
    assert [letter["record"]["n"] for letter in dead_letters(folder)] == [1]
