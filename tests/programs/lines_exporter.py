"""A third-party exporter, which writes lines to a file, and its test with the contract."""

import fcntl
import json
import os
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
        self.lock = self.config.path.with_suffix(".lock").open("a")

    def export(self, batch):
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # until it is closed, or unlocked below
        try:
            path = self.config.path
            lines = path.read_text().splitlines() if path.exists() else []
            stored = {json.loads(line)["id"] for line in lines}
            for record in batch.records():
                if record["id"] not in stored:
                    stored.add(record["id"])
                    lines.append(json.dumps(record))
            self.replace(path, "".join(f"{line}\n" for line in lines))
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)

    @staticmethod
    def replace(path, text):
        """Write all of a file, so that a kill in the middle leaves the former one."""
        half = Path(f"{path}.half")
        with half.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        half.rename(path)

    def close(self):
        if hasattr(self, "lock"):
            self.lock.close()


class Lines(Backend):
    exporter = LinesExporter

    def __init__(self, path):
        self.config = {"path": str(path)}

    def ids(self):
        path = Path(self.config["path"])
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["id"] for line in lines]


class TestLines(ExporterContract):
    @pytest.fixture
    def backend(self, tmp_path):
        return Lines(tmp_path / "lines")
