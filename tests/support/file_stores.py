"""A store as an author may write it: a file for each batch, which knows no records."""

from __future__ import annotations

import json

from support.file_exporters import FileConfig, Folder

from flask_chest import Record, Store, query
from flask_chest.record import encode
from flask_chest.store import aware


class TokenStore(Folder, Store):
    """A folder with a file for each batch. Of a batch that was erased, an empty file stays."""

    type = "tokens"
    config_model = FileConfig
    config: FileConfig

    def select(self, selection):
        records = [record for file in self._files() for record in self._read(file)]
        return query.select(records, selection)

    def delete(self, records):
        gone = {record.id for record in records}
        return self._keep(lambda record: record.id not in gone)

    def purge(self, *, before, progress=None):
        aware("before", before)
        return self._keep(lambda record: record.started_at >= before)

    def _keep(self, is_kept):
        deleted = 0
        for file in self._files():
            there = self._read(file)
            kept = list(filter(is_kept, there))
            if len(kept) < len(there):
                deleted += len(there) - len(kept)
                self.write(file, b"".join(encode(record.as_data()) for record in kept))
        return deleted

    def _files(self):
        return self.config.path.glob("*.jsonl")

    def _read(self, file):
        return [Record.from_data(json.loads(line)) for line in file.read_bytes().splitlines()]
