"""Forks processes that deliver to files, each named by the token of its batch.

As a lake or a database has it that knows batches, and no records: only fixed borders keep a record
from being stored twice. Each line of stdin is JSON: the `folder`, what a new process does there
(`record`: so many records, `refused`: then so many that are refused, and `then` so many others;
`deliver`; `live`: record until it is killed), whether borders are `fixed`, and when it is to `die`:
a moment and which time it kills there, such as ``stored 2``. Answers with a line of JSON: its
process ID, and, unless it goes on, its status. IDs of records are appended to the file `good` or
`refused`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from support.exporting import NoConfig, Process

from flask_chest.errors import BatchRejected
from flask_chest.exporter import Batching, Exporter
from flask_chest.journal.cursor import Cursor
from flask_chest.record import encode
from flask_chest.testing.records import make_record

seen: Counter[str] = Counter()


class Files(Exporter):
    type = "files"
    config_model = NoConfig

    def __init__(self, command):
        super().__init__(NoConfig())
        self.batching = Batching(max_records=1_000, fixed=command["fixed"])
        self._die = command["die"]
        self._files = Path(command["folder"], "files")
        Cursor.fix = self._then_die("fixed", Cursor.fix)
        Cursor.split = self._then_die("halved", Cursor.split)
        Cursor.passed = self._then_die("acknowledged", Cursor.passed)

    def _die_at(self, moment):
        seen[moment] += 1
        if self._die == f"{moment} {seen[moment]}":
            os.kill(os.getpid(), signal.SIGKILL)

    def _then_die(self, moment, call):
        def wrapped(*args):
            call(*args)
            self._die_at(moment)

        return wrapped

    def open(self):
        self._files.mkdir(exist_ok=True)

    def export(self, batch):
        if any(record["route"] == "/refused" for record in batch.records()):
            raise BatchRejected("it has one that is not wanted")
        target = self._files / batch.token
        if target.exists():
            return
        new = target.with_suffix(f".{os.getpid()}")
        with new.open("wb") as file:
            file.write(batch.lines[: len(batch.lines) // 2])
            file.flush()
            self._die_at("half")
            file.write(batch.lines[len(batch.lines) // 2 :])
        new.rename(target)
        self._die_at("stored")

    def close(self):
        pass


def record(process, number, folder, kind):
    said = os.open(folder / kind, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(number):
        made = make_record(route=f"/{kind}")
        assert process.journal.append(encode(made))
        os.write(said, f"{made['id']}\n".encode())
    os.close(said)


def run(command):
    folder = Path(command["folder"])
    process = Process(folder / "chest", {"main": Files(command)}, interval=0.05, shutdown=30.0)
    record(process, command["record"], folder, "good")
    record(process, command["refused"], folder, "refused")
    record(process, command["then"], folder, "good")
    if command["deliver"]:
        assert process.export.flush(30.0)
        process.export.close()
    if command["live"]:
        process.export.start()
        while True:
            record(process, 1, folder, "good")
            time.sleep(0.001)


DEFAULTS = {"record": 0, "refused": 0, "then": 0}
DEFAULTS |= {"deliver": False, "live": False, "fixed": True, "die": ""}

for line in sys.stdin:
    command = DEFAULTS | json.loads(line)
    child = os.fork()
    if child == 0:
        run(command)
        os._exit(0)
    status = None if command["live"] else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([child, status]), flush=True)
