"""Forks with an open connection, whose destructor says in which process it ran."""

from __future__ import annotations

import os

import host_process
from host_process import Process, record, say
from pydantic import BaseModel

from flask_chest.exporter import Exporter


class NoConfig(BaseModel):
    pass


class Connection:
    def __init__(self):
        self.owner = os.getpid()

    def __del__(self):
        say("ended by its owner" if os.getpid() == self.owner else "ENDED BY A CHILD")


class Connecting(Exporter):
    type = "connecting"
    config_model = NoConfig

    def open(self):
        self.connection = Connection()

    def export(self, batch):
        assert self.connection.owner == os.getpid()
        say(f"batch of {len(batch)}")

    def close(self):
        del self.connection


host_process.process = process = Process(Connecting(NoConfig()))
record(2)
assert process.export.flush(10.0)
child = os.fork()
if child == 0:
    record(3)
    assert process.export.flush(10.0)
    process.export.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
record(4)
assert process.export.flush(10.0)
process.export.close()
