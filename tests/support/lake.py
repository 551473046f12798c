"""A lake, for the contracts: how to reach it, and how to look into its files."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
from flask_chest_parquet import ParquetConfig, ParquetStore
from flask_chest_parquet.bucket import Bucket
from flask_chest_parquet.s3 import S3
from flask_chest_parquet.schema import Column

from flask_chest.testing import StoreBackend


class Lake(StoreBackend):
    """A lake, whose files are read by the rules of docs/how-to/lake.md, without the plugin."""

    exporter = ParquetStore

    def keys(self):
        """Return the keys of all objects, sorted."""
        raise NotImplementedError

    def read(self, key):
        raise NotImplementedError

    def write(self, key, content):
        raise NotImplementedError

    def manifest(self, day):
        found = [key for key in self.keys() if key.startswith(f"_chest/{day}/")]
        return json.loads(self.read(found[-1])) if found else {"files": [], "gone": []}

    def files(self):
        """Return the keys of the files whose records count."""
        found = []
        by_day = {}
        for key in self.data():
            by_day.setdefault(key.partition("/")[0], []).append(key)
        for day, keys in by_day.items():
            manifest = self.manifest(day)
            gone = set(manifest["gone"])
            loose = [key for key in keys if key.startswith(f"{day}/b-")]
            found += [key for key in loose if key[: -len(".parquet")].split("-")[-1] not in gone]
            found += [f"{day}/{each['name']}" for each in manifest["files"]]
        return found

    def data(self):
        """Return the keys of all files, as an engine sees them that knows no manifests."""
        return [key for key in self.keys() if key.startswith("day=")]

    def table(self, key):
        return pq.ParquetFile(io.BytesIO(self.read(key))).read()

    def rows(self):
        return [row for key in self.files() for row in self.table(key).to_pylist()]

    def ids(self):
        return [row["id"] for row in self.rows()]

    def columns(self):
        keys = [key for key in self.keys() if key.startswith("_chest/columns/")]
        return [Column.from_json(self.read(key)) for key in keys]

    def variables(self):
        found = []
        for row in self.rows():
            values = json.loads(row["variables"])
            for column in self.columns():
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
        self.write("_chest/schema.json", json.dumps({"version": version}).encode())

    def take_names(self):
        self.write("day=2024-05-01/records.parquet", b"PAR1 of somebody else")

    def is_untouched(self):
        foreign = "day=2024-05-01/records.parquet"
        return self.data() == [foreign] and self.read(foreign) == b"PAR1 of somebody else"


class LakeFolder(Lake):
    """A lake in a folder."""

    def __init__(self, path, **fields):
        self.path = Path(path)
        self.config = {"path": str(path), "compact_seconds": 0.0, **fields}

    def keys(self):
        found = (path for path in self.path.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.path)) for path in found)

    def read(self, key):
        return (self.path / key).read_bytes()

    def write(self, key, content):
        (self.path / key).parent.mkdir(parents=True, exist_ok=True)
        (self.path / key).write_bytes(content)


class LakeBucket(Lake):
    """A lake in a bucket of an S3 server."""

    def __init__(self, url, **fields):
        self.config = {"url": url, "prefix": "lake/records", "compact_seconds": 0.0, **fields}
        self.parsed = ParquetConfig.model_validate(self.config)

    @property
    def address(self):
        parts = urlsplit(self.parsed.endpoint)
        return parts.hostname, parts.port

    def at(self, host, port):
        return {"endpoint": f"http://{host}:{port}"}

    @contextmanager
    def objects(self):
        objects = S3(self.parsed)
        yield objects
        objects.close()

    def keys(self):
        """Return the keys of all objects, also of those that are empty."""
        root = f"{self.parsed.prefix}/"
        query = {"list-type": "2", "prefix": root}
        bucket = Bucket(self.parsed)
        answer, _ = bucket.ask("GET", query=query)
        bucket.close()
        page = ET.fromstring(answer.data)
        assert page.findtext("{*}IsTruncated") != "true"
        return [each.text.removeprefix(root) for each in page.iterfind("{*}Contents/{*}Key")]

    def read(self, key):
        with self.objects() as objects:
            return objects.read(key)

    def write(self, key, content):
        with self.objects() as objects:
            objects.delete(key)
            assert objects.create(key, content)
