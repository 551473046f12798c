"""`S3`: the objects of a lake in a bucket."""

from __future__ import annotations

import builtins
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from xml.etree import ElementTree as ET

from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest_parquet.bucket import Bucket, error_code
from flask_chest_parquet.layout import STATE
from flask_chest_parquet.objects import PATIENCE_SECONDS, Gone, Listed, Objects
from flask_chest_parquet.remote_file import LEAST_READ, RemoteFile

if TYPE_CHECKING:
    import urllib3

    from flask_chest_parquet.config import ParquetConfig

_LOCKS: Final = f"{STATE}locks/"
_LOCK_SECONDS: Final = 60.0
"""A lock that is older belongs to a killed process."""

_ABANDONED_SECONDS: Final = 3_600.0
_EMPTY: Final = '"d41d8cd98f00b204e9800998ecf8427e"'
"""ETag of an object without content."""

_ROUNDS: Final = 10
_PAUSE_SECONDS: Final = 0.01

_UNMET: Final = (404, 412)
"""Statuses of a request whose condition is false: there is no such object, or it is another."""

_NAMESPACE: Final = "{*}"


class S3(Objects):
    """Objects in a bucket, each written once by a conditional PUT.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

    An empty object counts as none, and the next writer of its key replaces it: SeaweedFS creates
    one when a writer is killed between the headers of a request and its content.

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
        for _ in range(_ROUNDS):
            answer, attempts = self._put(key, content, {"if-none-match": "*"})
            if answer.status != 412:
                return True
            try:
                there, etag = self._whole(key)
                if not there:
                    answer, attempts = self._put(key, content, {"if-match": etag or _EMPTY})
                    if answer.status not in _UNMET:
                        return True
                    there, _ = self._whole(key)
            except Gone:
                there = b""
            if there:
                # An earlier attempt, whose answer was lost, may have created it.
                return attempts > 1 and there == content
            time.sleep(_PAUSE_SECONDS)  # another process deletes or replaces it at this moment
        raise ExporterUnavailable(
            f"{self.location}: {key} is empty, or changes faster than it is read. If this message "
            "stays, delete it"
        )

    def _put(
        self, key: str, content: bytes, condition: dict[str, str]
    ) -> tuple[urllib3.BaseHTTPResponse, int]:
        """Write an object, and return the answer: one of `_UNMET` if the condition is false."""
        answer, attempts = self._bucket.ask(
            "PUT", self._prefix + key, body=content, headers=condition, allowed=_UNMET
        )
        if answer.status == 404 and "if-none-match" in condition:
            raise ConfigurationError(f"{self.location}: the bucket is not there. Create it")
        # Every object that was stored has an ETag, and no object of ours is empty.
        if answer.status not in _UNMET and answer.headers.get("etag", _EMPTY) == _EMPTY:
            raise self._no_s3()
        return answer, attempts

    def _whole(self, key: str) -> tuple[bytes, str]:
        """Return the content of an object, which may be empty, and its ETag."""
        content, headers = self.get_part(key)
        return content, headers.get("etag", "")

    def read(self, key: str) -> bytes:
        """Return the content of an object."""
        content, _ = self._whole(key)
        if not content:
            raise Gone(key)
        return content

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
        file = io.BufferedReader(RemoteFile(self.get_part, key), LEAST_READ)
        with file:
            yield cast("BinaryIO", file)

    def list(self, prefix: str, after: str = "", before: str | None = None) -> Iterator[Listed]:
        """Yield all objects whose keys begin with `prefix`, sorted."""
        for each in self._contents(prefix, after):
            key, size = self._key(each), int(_text(each, "Size") or 0)
            if before is not None and key >= before:
                return
            if key > after and size:
                yield Listed(key, size)

    def delete_unfinished(self, prefix: str, is_ours: Callable[[str], bool]) -> int:
        """Delete the empty objects that killed writers have left, an hour ago or longer."""
        before = datetime.now(timezone.utc) - timedelta(seconds=_ABANDONED_SECONDS)
        found = 0
        for each in list(self._contents(prefix)):
            key, is_empty = self._key(each), not int(_text(each, "Size") or 0)
            # In UTC, to the second.
            is_old = _text(each, "LastModified")[:19] < before.isoformat()[:19]
            if is_empty and is_old and is_ours(key):
                condition = {"if-match": _text(each, "ETag") or _EMPTY}
                answer, _ = self._bucket.ask(
                    "DELETE", self._prefix + key, headers=condition, allowed=_UNMET
                )
                found += answer.status not in _UNMET
        return found

    def _key(self, entry: ET.Element) -> str:
        return _text(entry, "Key").removeprefix(self._prefix)

    def _contents(self, prefix: str, after: str = "") -> Iterator[ET.Element]:
        """Yield what a listing says of each object."""
        query = {"prefix": self._prefix + prefix}
        if after:
            query["start-after"] = self._prefix + after
        while True:
            page = self._page(query)
            yield from page.iterfind(f"{_NAMESPACE}Contents")
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


def _text(entry: ET.Element, name: str) -> str:
    return entry.findtext(f"{_NAMESPACE}{name}") or ""
