"""Forks while the database is locked by another process."""

from __future__ import annotations

import os
import threading
import time

from host_process import files_of, process, record, say

record(10)
flush = threading.Thread(target=process.export.flush, args=(20.0,))
flush.start()
while not files_of("sqlite3"):
    time.sleep(0.001)
child = os.fork()
if child == 0:
    os._exit(len(files_of("sqlite3")))
say("forked")
assert os.waitpid(child, 0)[1] == 0
flush.join()
process.export.close()
