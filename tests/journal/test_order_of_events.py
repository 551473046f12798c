"""Any order of events of a journal: each exporter sees every record once, in order."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.journals import ALL, deliver, line, segment_files

from flask_chest.journal import DiskJournal, MemoryJournal
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle


class JournalMachine(RuleBasedStateMachine):
    """Append, read, acknowledge, close, open: each exporter sees all of it, in order."""

    kind: str

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.counters = Counters()
        self.appended = 0
        self.waiting = {"main": [], "other": []}
        self.has_gaps = False
        self.torn = 0
        self.open()

    def open(self):
        exporters = sorted(self.waiting)
        self.journal = (
            DiskJournal(self.folder / "chest", exporters, self.counters, Throttle())
            if self.kind == "disk"
            else MemoryJournal(exporters, self.counters, Throttle())
        )

    @rule(sizes=st.lists(st.integers(min_value=20, max_value=200), min_size=1, max_size=5))
    def append(self, sizes):
        for size in sizes:
            new = line(self.appended, size)
            self.appended += 1
            assert self.journal.append(new)
            for lines in self.waiting.values():
                lines.append(new)

    @rule(
        exporter=st.sampled_from(["main", "other"]),
        max_records=st.integers(min_value=1, max_value=6),
        max_bytes=st.integers(min_value=1, max_value=600),
        chunks=st.integers(min_value=0, max_value=4),
    )
    def acknowledge(self, exporter, max_records, max_bytes, chunks):
        taken = deliver(self.journal, exporter, max_records, max_bytes, chunks)
        waiting = self.waiting[exporter]
        assert taken == waiting[: len(taken)]
        assert taken or not chunks or not waiting
        del waiting[: len(taken)]

    @rule(exporter=st.sampled_from(["main", "other"]))
    def read_only(self, exporter):
        reader = self.journal.reader(exporter)
        with reader.lease():
            first = next(reader.chunks(3, ALL), None)
        expected = self.waiting[exporter]
        taken = first.lines.splitlines(keepends=True) if first else []
        assert taken == expected[: len(taken)]
        assert taken or not expected

    @rule(remainder=st.integers(min_value=0, max_value=3))
    def erase(self, remainder):
        with self.journal.erase(lambda record: record["n"] % 4 == remainder) as erased:
            gone = {
                each
                for lines in self.waiting.values()
                for each in lines
                if json.loads(each)["n"] % 4 == remainder
            }
            assert erased.waiting == len(gone)
        for exporter, lines in self.waiting.items():
            self.waiting[exporter] = [each for each in lines if each not in gone]
        self.has_gaps |= bool(gone)

    @rule()
    def prune(self):
        self.journal.prune()

    @rule()
    def close(self):
        self.journal.close()

    @precondition(lambda self: self.kind == "disk")
    @rule()
    def reopen(self):
        self.journal.close()
        self.open()

    @precondition(lambda self: self.kind == "disk")
    @rule(half=st.binary(min_size=1, max_size=50).map(lambda text: text.replace(b"\n", b"")))
    def tear(self, half):
        """Leave half a line where a writer was killed, once it has let go of its segment."""
        self.journal.close()
        files = segment_files(self.folder / "chest")
        if files and half and files[-1].read_bytes().endswith(b"\n"):
            with files[-1].open("ab") as file:
                file.write(half)
            self.torn += 1
        self.open()

    @invariant()
    def what_waits_is_reported(self):
        if hasattr(self, "journal") and not self.torn:
            for exporter, lines in self.waiting.items():
                waiting, _ = self.journal.reader(exporter).pending()
                assert waiting >= sum(map(len, lines))
                assert waiting == sum(map(len, lines)) or (self.has_gaps and self.kind == "disk")

    def teardown(self):
        if not hasattr(self, "journal"):
            return
        for exporter, lines in self.waiting.items():
            assert deliver(self.journal, exporter, 7) == lines
        self.journal.close()
        self.journal.prune()
        if self.kind == "disk":
            assert segment_files(self.folder / "chest") == []
        assert self.counters.by_reason("dropped") == ({"torn": self.torn} if self.torn else {})
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_every_exporter_sees_every_record_whatever_the_order_of_events(kind):
    machine = type("Machine", (JournalMachine,), {"kind": kind})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )
