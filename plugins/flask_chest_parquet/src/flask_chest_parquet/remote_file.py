"""`RemoteFile`: an object of a bucket as a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final

from typing_extensions import Buffer

from flask_chest_parquet.objects import Gone

LEAST_READ: Final = 65_536
"""Bytes that are fetched at least."""


class RemoteFile(io.RawIOBase):
    """An object as a file: each read is a request for a range.

    Args:
        get_part: Returns a range of an object, such as ``bytes=0-99``, and the headers of the
            answer.
        key: Key of the object.

    Raises:
        Gone: It is not there, or empty.
    """

    def __init__(
        self, get_part: Callable[[str, str], tuple[bytes, dict[str, str]]], key: str
    ) -> None:
        self._get_part = get_part
        self._key = key
        self._at = 0
        # The end of the object, where Parquet has its footer, and its size.
        self._tail, headers = get_part(key, f"bytes=-{LEAST_READ}")
        total = headers.get("content-range", "").rpartition("/")[2]
        self._size = int(total) if total.isdigit() else len(self._tail)
        if not self._size:
            raise Gone(key)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Let the next read begin elsewhere, and return where."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """Read into a buffer, and return how many bytes; 0 at the end."""
        target = memoryview(buffer).cast("B")
        end = min(self._at + len(target), self._size)
        if end <= self._at:
            return 0
        start_of_tail = self._size - len(self._tail)
        if self._at >= start_of_tail:
            content = self._tail[self._at - start_of_tail : end - start_of_tail]
        else:
            content, _ = self._get_part(self._key, f"bytes={self._at}-{end - 1}")
        target[: len(content)] = content
        self._at += len(content)
        return len(content)
