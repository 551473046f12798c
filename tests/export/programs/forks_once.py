"""Forks with the delivery lease taken: the child begins anew, the parent goes on."""

from __future__ import annotations

import os
import sys
import threading

from host_process import files_of, process, record

record(20)
assert process.export.flush(10.0)
parents = files_of("/segments/")
assert len(parents) == 1
lease = process.journal.reader("main").lease()
while not lease.__enter__():  # the parent delivers at this moment
    lease = process.journal.reader("main").lease()
assert len(files_of("main.lock")) == 1
child = os.fork()
if child == 0:
    assert threading.active_count() == 1
    inherited = files_of("/chest/", "sqlite3")
    assert inherited == [], inherited
    assert process.journal.appended == 0
    assert not process.export.is_started
    assert not process.journal.try_lead(), "the parent is the leader"
    record(10)
    assert len(files_of("/segments/")) == 1
    assert files_of("/segments/") != parents
    assert process.export.flush(10.0), "under the exporter's own lease"
    process.export.close()
    sys.exit()
lease.__exit__(None, None, None)
record(20)
assert files_of("/segments/") == parents
_, status = os.waitpid(child, 0)
assert status == 0, status
assert len(files_of("export.lock")) == 1
assert process.journal.try_lead()
record(5)
process.export.close()
