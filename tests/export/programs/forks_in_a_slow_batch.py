"""Forks in a batch that takes longer than a fork waits."""

from __future__ import annotations

import logging
import os
import threading
import time

from host_process import files_of, process, record

from flask_chest.runtime import fork

insert, entered = process.store.insert, threading.Event()


def slow_insert(connection, batch):
    entered.set()
    time.sleep(fork.PATIENCE_SECONDS + 1)
    insert(connection, batch)


process.store.insert = slow_insert
record(50)
flush = threading.Thread(target=process.export.flush, args=(20.0,))
flush.start()
assert entered.wait(10)
child = os.fork()
if child == 0:
    assert files_of("sqlite3"), "nobody could close it"
    logging.disable()
    record(3)
    assert not process.export.flush(20.0)
    problem = process.export.supervisors["main"].stats().last_error
    assert "was in use while this process was forked" in problem, problem
    os._exit(0)
process.store.insert = insert
flush.join()
assert os.waitpid(child, 0)[1] == 0
record(2)
assert process.export.flush(20.0)
process.export.close()
