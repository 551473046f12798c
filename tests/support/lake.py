"""A lake, for the contracts: how to reach it, and how to look into its files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
from flask_chest_parquet import ParquetStore

from flask_chest.testing import StoreBackend
from flask_chest_parquet.schema import Column


class LakeFolder(StoreBackend):
    """A lake in a folder. Its files are read by the rules of docs/lake.md, without our code."""

    exporter = ParquetStore

    def __init__(self, path, **fields):
        self.path = Path(path)
        self.config = {"path": str(path), "compact_seconds": 0.0, **fields}

    def manifest(self, day):
        found = sorted((self.path / "_chest" / day).glob("*.json"))
        return json.loads(found[-1].read_text()) if found else {"files": [], "gone": []}

    def files(self):
        """Return the files whose records count."""
        found = []
        for folder in sorted(self.path.glob("day=*")):
            loose = sorted(folder.glob("b-*.parquet"))
            manifest = self.manifest(folder.name)
            gone = set(manifest["gone"])
            found += [path for path in loose if path.stem.split("-")[-1] not in gone]
            found += [folder / each["name"] for each in manifest["files"]]
        return found

    def all_files(self):
        """Return all files, as an engine sees them that knows no manifests."""
        return sorted(self.path.glob("day=*/*.parquet"))

    def rows(self):
        return [row for path in self.files() for row in pq.ParquetFile(path).read().to_pylist()]

    def ids(self):
        return [row["id"] for row in self.rows()]

    def variables(self):
        found = []
        for row in self.rows():
            values = json.loads(row["variables"])
            for path in (self.path / "_chest" / "columns").glob("*.json"):
                column = Column.from_json(path.read_bytes())
                value = row.get(column.name)
                if value is not None and column.is_moved and column.kind != "integer":
                    values[column.path[0]] = value
            found += [(row["id"], name, self.shown(value)) for name, value in values.items()]
        return found

    def shown(self, value):
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def set_version(self, version):
        (self.path / "_chest" / "schema.json").write_text(json.dumps({"version": version}))

    def take_names(self):
        folder = self.path / "day=2024-05-01"
        folder.mkdir(parents=True)
        (folder / "records.parquet").write_bytes(b"PAR1 of somebody else")

    def is_untouched(self):
        found = [path for path in self.path.rglob("*.parquet")]
        return [path.read_bytes() for path in found] == [b"PAR1 of somebody else"]
