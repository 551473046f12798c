"""A third-party exporter, which writes lines to a file, and its test with the contract."""

import fcntl
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from flask_chest.exporter import Exporter
from flask_chest.testing import Backend, ExporterContract


class Config(BaseModel):
    path: Path


class LinesExporter(Exporter):
    type = "lines"
    config_model = Config

    def open(self):
        self.file = self.config.path.open("a+")

    def export(self, batch):
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.file.seek(0)
        stored = {json.loads(line)["id"] for line in self.file}
        for record in batch.records():
            if record["id"] not in stored:
                stored.add(record["id"])
                self.file.write(json.dumps(record) + "\n")
        self.file.flush()
        fcntl.flock(self.file, fcntl.LOCK_UN)

    def close(self):
        if hasattr(self, "file"):
            self.file.close()


class Lines(Backend):
    exporter = LinesExporter

    def __init__(self, path):
        self.config = {"path": str(path)}

    def ids(self):
        lines = Path(self.config["path"]).read_text().split("\n")
        return [json.loads(line)["id"] for line in lines if line]


class TestLines(ExporterContract):
    @pytest.fixture
    def backend(self, tmp_path):
        return Lines(tmp_path / "lines")
