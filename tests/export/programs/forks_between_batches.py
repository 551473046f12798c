"""Forks after each of five batches, while the database is kept open for the next."""

from __future__ import annotations

import os

from host_process import files_of, process, record

export, children = process.store.export, []


def export_and_fork(batch):
    export(batch)
    if len(children) == 5:
        return
    assert files_of("sqlite3"), "kept for the next batch"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert not files_of("sqlite3")
            record(3)
            assert process.export.flush(20.0)
            process.export.close()
            code = 0
        except BaseException as error:  # noqa: BLE001 - the parent's stderr shows it
            os.write(2, repr(error).encode())
        finally:
            os._exit(code)
    children.append(child)


process.store.export = export_and_fork
record(1_000)
assert process.export.flush(20.0)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
assert process.export.flush(20.0)
assert not files_of("sqlite3")
process.export.close()
