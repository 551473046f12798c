"""Exporters to a file as an author may write them, and the same with one step left out."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel

from flask_chest.errors import ExporterUnavailable
from flask_chest.exporter import Batching, Exporter
from flask_chest.testing import Backend


class FileConfig(BaseModel):
    path: Path


class Locking(Exporter):
    """What the exporters share: a lock on a file beside theirs."""

    config_model = FileConfig
    config: FileConfig

    def open(self):
        self.path = self.config.path
        self.path.touch()

    def close(self):
        pass

    @contextmanager
    def locked(self):
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class Lines(Locking):
    """Appends the records whose IDs are not in the file yet."""

    type = "lines"

    def export(self, batch):
        with self.locked():
            self.repair()
            lines = self.path.read_bytes().splitlines()
            there = {json.loads(line)["id"] for line in lines}
            with self.path.open("ab") as file:
                for record in batch.records():
                    if record["id"] not in there:
                        file.write(json.dumps(record).encode() + b"\n")

    def repair(self):
        """Cut off half a line at the end."""
        content = self.path.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(self.path, content.rfind(b"\n") + 1)


class LinesWithoutRepair(Lines):
    def repair(self):
        pass


class LinesWithoutLock(Lines):
    @contextmanager
    def locked(self):
        yield


class Counted(Locking):
    """Appends each batch, and keeps the token of the last and the size of the file until then."""

    type = "counted"
    batching = Batching(fixed=True)

    def export(self, batch):
        with self.locked():
            tokens, size = self.state()
            if batch.token in tokens:
                return
            self.undo(size)
            try:
                with self.path.open("ab") as file:
                    file.write(batch.lines)
                self.keep([*tokens, batch.token])
            except OSError as error:
                raise ExporterUnavailable(str(error)) from error

    def undo(self, size):
        """Cut off what was written of a batch that was not kept."""
        os.truncate(self.path, size)

    def state(self):
        kept = self.path.with_suffix(".json")
        return json.loads(kept.read_text()) if kept.exists() else ([], 0)

    def keep(self, tokens, size=None):
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps([tokens, self.path.stat().st_size if size is None else size]))
        new.replace(self.path.with_suffix(".json"))


class CountedWithoutUndo(Counted):
    def undo(self, size):
        pass


class CountedWithoutLock(Counted):
    @contextmanager
    def locked(self):
        yield


class CountedTooEarly(Counted):
    """Keeps the token before the records are there."""

    def export(self, batch):
        with self.locked():
            tokens, size = self.state()
            if batch.token in tokens:
                return
            self.undo(size)
            self.keep([*tokens, batch.token], size + len(batch.lines))
            with self.path.open("ab") as file:
                file.write(batch.lines)


class Folder(Exporter):
    """The exporter of docs/how-to/exactly-once-elsewhere.md: a file for each batch."""

    type = "folder"
    config_model = FileConfig
    config: FileConfig
    batching = Batching(fixed=True)

    def open(self):
        self.config.path.mkdir(exist_ok=True)

    def export(self, batch):
        path = self.config.path / f"{batch.token}.jsonl"
        if not path.exists():
            self.write(path, batch.lines)

    def write(self, path, content):
        half = path.with_name(f"{uuid4().hex}.half")  # another process may write it, too
        half.write_bytes(content)
        half.rename(path)

    def close(self):
        pass


class FolderWithoutRename(Folder):
    def write(self, path, content):
        path.write_bytes(content)


class Picky(Folder):
    """Takes no more than three records in a batch: a file for each record."""

    type = "picky-folder"
    batching = Batching(max_records=3)

    def export(self, batch):
        assert 0 < len(batch) <= self.batching.max_records
        for line, record in zip(
            batch.lines.splitlines(keepends=True), batch.records(), strict=True
        ):
            path = self.config.path / f"{record['id']}.jsonl"
            if not path.exists():
                self.write(path, line)


class PickyAboutBytes(Picky):
    """Takes one record in a batch."""

    batching = Batching(max_records=1, max_bytes=1_000)


class InFile(Backend):
    def __init__(self, exporter, path):
        self.exporter = exporter
        self.path = path
        self.config = {"path": str(path)}

    def ids(self):
        files = self.path.glob("*.jsonl") if self.path.is_dir() else [self.path]
        lines = [line for file in files for line in file.read_bytes().splitlines()]
        return [json.loads(line)["id"] for line in lines]
