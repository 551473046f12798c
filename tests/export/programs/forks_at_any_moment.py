"""Forks many times while two threads record and a worker delivers."""

from __future__ import annotations

import functools
import os
import threading
import time

from host_process import files_of, fork_to, process, record

from flask_chest.journal import disk

disk.MAX_SEGMENT_BYTES = 1_000  # a new one for each few records
done = threading.Event()


def write():
    while not done.wait(0.001):
        record()


def deliver_some(number):
    # What a child opens itself is not the parent's; so far, it has opened nothing.
    inherited = files_of("/segments/", ".lock", "sqlite3")
    assert not inherited, inherited
    if number % 10 == 0:
        record(3)
        assert process.export.flush(90.0)


threads = [threading.Thread(target=write) for _ in range(2)]
for thread in threads:
    thread.start()
children = []
for number in range(60):
    children.append(fork_to(functools.partial(deliver_some, number)))
    time.sleep(0.002)
done.set()
codes = [os.waitpid(child, 0)[1] for child in children]
for thread in threads:
    thread.join()
assert codes == [0] * 60, codes
assert process.export.flush(90.0)
process.export.close()
