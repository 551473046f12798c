"""Several processes on one journal, which rotate, crash, tear, and lose their cursors."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

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

from flask_chest.journal import DiskJournal, disk, own_segment
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

EXPORTERS = ["main", "other"]
PROCESSES = st.integers(min_value=0, max_value=2)


def crash(journal):
    """End a journal as kill -9 does: the kernel closes its files, and nothing else happens."""
    writer, journal._own.writer = journal._own.writer, None
    if writer is not None:
        os.close(writer.descriptor)
        writer.descriptor = -1
    journal.after_fork()  # closes what is left, and writes nothing


class Crashes(RuleBasedStateMachine):
    """Each record that was kept reaches every exporter; none comes again but for a lost cursor."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.counters = Counters()
        self.kept = []
        self.garbage = set()
        self.seen = {name: Counter() for name in EXPORTERS}
        self.may_repeat = {name: set() for name in EXPORTERS}
        self.torn = 0
        self.processes = [self.new() for _ in range(3)]

    def new(self):
        return DiskJournal(self.folder / "chest", EXPORTERS, self.counters, Throttle())

    @rule(process=PROCESSES, sizes=st.lists(st.integers(20, 200), min_size=1, max_size=6))
    def append(self, process, sizes):
        for size in sizes:
            self.kept.append(line(len(self.kept), size))
            assert self.processes[process].append(self.kept[-1])

    @rule(
        process=PROCESSES,
        exporter=st.sampled_from(EXPORTERS),
        max_records=st.integers(1, 6),
        chunks=st.integers(0, 5),
    )
    def acknowledge(self, process, exporter, max_records, chunks):
        self.take(process, exporter, max_records, chunks)

    @rule(process=PROCESSES)
    def deliver_all_and_prune(self, process):
        for exporter in EXPORTERS:
            self.take(process, exporter, ALL)
        self.processes[process].prune()

    def take(self, process, exporter, max_records, chunks=ALL):
        taken = deliver(self.processes[process], exporter, max_records, 600, chunks)
        for each in taken:
            self.seen[exporter][each] += 1
            if self.seen[exporter][each] > 1:
                assert each in self.may_repeat[exporter], "it had been acknowledged"
        for process_number in {json.loads(each)["n"] for each in taken if each not in self.garbage}:
            assert process_number < len(self.kept)
        return taken

    @rule(process=PROCESSES, exporter=st.sampled_from(EXPORTERS))
    def deliver_while_no_cursor_can_be_stored(self, process, exporter):
        """This process goes on from where it was; only another one may repeat what it took."""
        blocked = self.folder / "chest" / "cursors" / f"{exporter}.new"
        blocked.mkdir()
        try:
            taken = self.take(process, exporter, 3)
            assert self.take(process, exporter, 3) == []
        finally:
            blocked.rmdir()
        self.may_repeat[exporter].update(taken)

    @rule(process=PROCESSES)
    def prune(self, process):
        self.processes[process].prune()

    @rule(process=PROCESSES)
    def close(self, process):
        self.processes[process].close()

    @rule(process=PROCESSES)
    def leave_an_idle_segment(self, process):
        with mock.patch.object(own_segment, "IDLE_SECONDS", 0.0):
            self.processes[process]._maintain()
            self.processes[process]._maintain()
        assert self.processes[process]._own.writer is None

    @rule(process=PROCESSES, tail=st.sampled_from([b"", b'{"n": 1', b"\0" * 5000, b'{"x\0\0\0']))
    def crash(self, process, tail):
        journal = self.processes[process]
        path = journal._own.writer.path if journal._own.writer is not None else None
        crash(journal)
        if path is not None and tail and path.stat().st_size:
            with path.open("ab") as file:
                file.write(tail)
            self.torn += 1
        self.processes[process] = self.new()

    @rule(process=PROCESSES)
    def write_garbage(self, process):
        garbage = b"\x00\xff garbage %d\n" % len(self.garbage)
        self.garbage.add(garbage)
        assert self.processes[process].append(garbage)

    @rule(process=PROCESSES)
    def delete_a_segment_that_is_written_to(self, process):
        """What it had is written again, so that all of it may be delivered again."""
        journal = self.processes[process]
        if journal._own.writer is None:
            return
        content = journal._own.writer.content().splitlines(keepends=True)
        journal._own.writer.path.unlink()
        journal._maintain()
        for exporter in EXPORTERS:
            self.may_repeat[exporter].update(content)

    @precondition(lambda self: any(self.seen.values()))
    @rule(
        exporter=st.sampled_from(EXPORTERS),
        damage=st.sampled_from([None, b"", b"{", b'{"x": -1}', b"[]", b"\0" * 40]),
    )
    def damage_a_cursor(self, exporter, damage):
        file = self.folder / "chest" / "cursors" / f"{exporter}.json"
        file.unlink(missing_ok=True)
        if damage is not None:
            file.write_bytes(damage)
        self.may_repeat[exporter].update(self.seen[exporter])

    @invariant()
    def each_segment_has_one_writer(self):
        if hasattr(self, "processes"):
            paths = [p._own.writer.path for p in self.processes if p._own.writer is not None]
            assert len(paths) == len(set(paths))

    def teardown(self):
        if not hasattr(self, "processes"):
            return
        for journal in self.processes:
            journal.close()
        last = self.new()
        self.processes.append(last)
        for exporter in EXPORTERS:
            self.take(-1, exporter, 7)
            assert set(self.seen[exporter]) == {*self.kept, *self.garbage}
            assert self.take(-1, exporter, 7) == []
        last.prune()
        assert segment_files(self.folder / "chest") == []
        with contextlib.suppress(FileNotFoundError):
            parts = [path.name for path in (self.folder / "chest" / "damaged").iterdir()]
            assert len([part for part in parts if part.endswith(".reason")]) == self.torn
        assert self.counters.by_reason("dropped") == ({"torn": self.torn} if self.torn else {})
        last.close()
        shutil.rmtree(self.folder)


def test_nothing_is_lost_and_nothing_repeated_whichever_process_crashes_when():
    with mock.patch.object(disk, "MAX_SEGMENT_BYTES", 400):
        run_state_machine_as_test(
            Crashes, settings=settings(max_examples=80, stateful_step_count=30, deadline=None)
        )
