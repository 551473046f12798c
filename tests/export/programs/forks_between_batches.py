"""Forks after each of five batches, while the database is kept open for the next."""

from __future__ import annotations

import os

from host_process import files_of, fork_to, process, record

export, children = process.store.export, []


def deliver_some():
    assert not files_of("sqlite3")
    record(3)
    assert process.export.flush(20.0)
    process.export.close()


def export_and_fork(batch):
    export(batch)
    if len(children) == 5:
        return
    assert files_of("sqlite3"), "kept for the next batch"
    children.append(fork_to(deliver_some))


process.store.export = export_and_fork
record(1_000)
assert process.export.flush(20.0)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
assert process.export.flush(20.0)
assert not files_of("sqlite3")
process.export.close()
