"""Forks while another thread imports a driver; the child imports it, too."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from flask_chest_postgres import PostgresConfig
from flask_chest_postgres.hooks import Postgres


def load():
    Postgres(PostgresConfig()).load()


thread = threading.Thread(target=load)
thread.start()
while not {"psycopg", "sqlalchemy"} & sys.modules.keys():
    time.sleep(0)
child = os.fork()
if child == 0:
    signal.alarm(30)
    load()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
thread.join()
