"""`S3`: the objects of a lake in a bucket."""

from __future__ import annotations

import builtins
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from xml.etree import ElementTree as ET

from typing_extensions import Buffer

from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest_parquet.bucket import Bucket, error_code
from flask_chest_parquet.layout import STATE
from flask_chest_parquet.objects import PATIENCE_SECONDS, Gone, Listed, Objects

if TYPE_CHECKING:
    from flask_chest_parquet.config import ParquetConfig

_LOCKS: Final = f"{STATE}locks/"
_LOCK_SECONDS: Final = 60.0
"""A lock that is older belongs to a killed process."""

_LEAST_READ: Final = 65_536
_NAMESPACE: Final = "{*}"


class S3(Objects):
    """Objects in a bucket, each written once by a conditional PUT.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

    Args:
        config: Bucket, prefix, credentials.
    """

    def __init__(self, config: ParquetConfig) -> None:
        self._bucket = Bucket(config)
        self._prefix = f"{config.prefix}/" if config.prefix else ""
        self._url = f"s3://{config.bucket}/{self._prefix}"
        self.location = config.location

    def open(self) -> None:
        """Find out whether the bucket is there."""
        self._page({"prefix": self._prefix, "max-keys": "1"})

    def create(self, key: str, content: bytes) -> bool:
        """Create an object, unless it is there; return whether this call created it."""
        answer, attempts = self._bucket.ask(
            "PUT",
            self._prefix + key,
            body=content,
            headers={"if-none-match": "*"},
            allowed=(404, 412),
        )
        if answer.status == 404:
            raise ConfigurationError(f"{self.location}: the bucket is not there. Create it")
        if answer.status != 412:
            if "etag" not in answer.headers:  # which is of every object that was stored
                raise self._no_s3()
            return True
        # An earlier attempt, whose answer was lost, may have created it.
        with suppress(Gone):
            return attempts > 1 and self.read(key) == content
        return False

    def read(self, key: str) -> bytes:
        """Return the content of an object."""
        return self.get_part(key)[0]

    def get_part(self, key: str, part: str | None = None) -> tuple[bytes, dict[str, str]]:
        """Return a range of an object, such as ``bytes=0-99``, and the headers of the answer."""
        headers = {} if part is None else {"range": part}
        answer, _ = self._bucket.ask("GET", self._prefix + key, headers=headers, allowed=(404, 416))
        if answer.status == 404:
            if error_code(answer.data) == "NoSuchBucket":
                raise ConfigurationError(f"{self.location}: the bucket is not there. Create it")
            raise Gone(key)
        content = b"" if answer.status == 416 else answer.data
        return content, {name.lower(): value for name, value in answer.headers.items()}

    @contextmanager
    def reader(self, key: str) -> Iterator[BinaryIO]:
        """Give a file of an object, whose parts are fetched when they are read."""
        file = io.BufferedReader(_Remote(self, key), _LEAST_READ)
        with file:
            yield cast("BinaryIO", file)

    def list(self, prefix: str, after: str = "", before: str | None = None) -> Iterator[Listed]:
        """Yield all objects whose keys begin with `prefix`, sorted."""
        query = {"prefix": self._prefix + prefix}
        if after:
            query["start-after"] = self._prefix + after
        while True:
            page = self._page(query)
            for each in page.iterfind(f"{_NAMESPACE}Contents"):
                key = (each.findtext(f"{_NAMESPACE}Key") or "").removeprefix(self._prefix)
                if before is not None and key >= before:
                    return
                if key > after:
                    yield Listed(key, int(each.findtext(f"{_NAMESPACE}Size") or 0))
            token = page.findtext(f"{_NAMESPACE}NextContinuationToken")
            if page.findtext(f"{_NAMESPACE}IsTruncated") != "true" or not token:
                return
            query["continuation-token"] = token

    def folders(self, prefix: str) -> builtins.list[str]:
        """Return what stands before the first slash of the keys that begin with `prefix`."""
        query = {"prefix": self._prefix + prefix, "delimiter": "/"}
        found: builtins.list[str] = []
        while True:
            page = self._page(query)
            found += (
                (each.text or "").removeprefix(self._prefix).rstrip("/")
                for each in page.iterfind(f"{_NAMESPACE}CommonPrefixes/{_NAMESPACE}Prefix")
            )
            token = page.findtext(f"{_NAMESPACE}NextContinuationToken")
            if page.findtext(f"{_NAMESPACE}IsTruncated") != "true" or not token:
                return found
            query["continuation-token"] = token

    def _page(self, query: dict[str, str]) -> ET.Element:
        answer, _ = self._bucket.ask("GET", query={"list-type": "2", **query})
        try:
            page = ET.fromstring(answer.data)  # noqa: S314 - the server is the user's own
        except ET.ParseError as error:
            raise self._no_s3() from error
        if page.tag.rpartition("}")[2] != "ListBucketResult":
            raise self._no_s3()
        return page

    def _no_s3(self) -> ExporterUnavailable:
        return ExporterUnavailable(
            f"{self.location}: that is no answer of an S3 server. Something between has answered, "
            "or the endpoint is wrong"
        )

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        self._bucket.ask("DELETE", self._prefix + key, allowed=(404,))

    @contextmanager
    def lock(
        self, name: str, owner: str, patience_seconds: float = PATIENCE_SECONDS
    ) -> Iterator[None]:
        """Hold a lock during the block: an object that only one can create.

        A killed process leaves it. Then it counts for a minute, but not for the same owner, such
        as another attempt at the same batch.
        """
        key = f"{_LOCKS}{name}"
        deadline = time.monotonic() + patience_seconds
        pause = 0.01
        while not self.create(key, owner.encode()):
            if self._is_ours_or_old(key, owner):
                break
            if time.monotonic() > deadline:
                raise ExporterUnavailable(
                    f"{self.location}: another process holds {key}. It counts for "
                    f"{_LOCK_SECONDS:g} s"
                )
            time.sleep(pause)
            pause = min(pause * 2, 0.5)
        try:
            yield
        finally:
            with suppress(ExporterUnavailable):  # it is given back by its age
                self.delete(key)

    def _is_ours_or_old(self, key: str, owner: str) -> bool:
        try:
            content, headers = self.get_part(key)
        except Gone:
            return False
        if content == owner.encode():
            return True
        try:  # by the clock of the server alone
            now = parsedate_to_datetime(headers["date"])
            age = now - parsedate_to_datetime(headers["last-modified"])
        except (KeyError, ValueError):
            return False
        if age.total_seconds() > _LOCK_SECONDS:
            self.delete(key)
        return False

    def address(self, key: str) -> str:
        """Return the URL of an object."""
        return self._url + key

    def close(self) -> None:
        """Close all connections."""
        self._bucket.close()


class _Remote(io.RawIOBase):
    """An object as a file: each read is a request for a range."""

    def __init__(self, objects: S3, key: str) -> None:
        self._objects = objects
        self._key = key
        self._at = 0
        # The end of the object, where Parquet has its footer, and its size.
        self._tail, headers = objects.get_part(key, f"bytes=-{_LEAST_READ}")
        total = headers.get("content-range", "").rpartition("/")[2]
        self._size = int(total) if total.isdigit() else len(self._tail)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer).cast("B")
        end = min(self._at + len(target), self._size)
        if end <= self._at:
            return 0
        start_of_tail = self._size - len(self._tail)
        if self._at >= start_of_tail:
            content = self._tail[self._at - start_of_tail : end - start_of_tail]
        else:
            content, _ = self._objects.get_part(self._key, f"bytes={self._at}-{end - 1}")
        target[: len(content)] = content
        self._at += len(content)
        return len(content)
