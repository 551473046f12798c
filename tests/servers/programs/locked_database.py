"""Exports to a SQLite file that is locked until a greenlet of the main thread has run for a while.

If the wait for the lock held up the loop of gevent, the lock would never be released, and the
export would fail.
"""

import sqlite3
import sys
import threading
import time

from flask_chest_sqlite import SqliteConfig, SqliteStore

from flask_chest.testing import make_batch, make_record

path = sys.argv[1]
store = SqliteStore(SqliteConfig(path=path, busy_timeout_seconds=20))
store.open()
other = sqlite3.connect(path, isolation_level=None)
other.execute("BEGIN IMMEDIATE")
ends = []


def export():
    ends.append("begun")
    store.export(make_batch(make_record()))
    ends.append("stored")


thread = threading.Thread(target=export)
thread.start()
for _ in range(100):
    time.sleep(0.005)
assert ends == ["begun"], "the file is locked"
other.execute("COMMIT")
thread.join()
assert ends == ["begun", "stored"]
assert store.count() == 1
store.close()
other.close()
