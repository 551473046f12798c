"""A file that is there when it is whole, and not before."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

_KEPT: Final = 50
"""Characters of the name in that of its part, which would be too long for the disk otherwise."""


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write to. It takes its name at the end of the block, unless that raises.

    It replaces one of that name, and has its permissions. A device or a pipe is written to
    directly.

    Raises:
        OSError: The file cannot be written. It has the name of the file.
    """
    whole = path.resolve()
    # Not the process ID, which another container that writes to this folder may have as well.
    part = whole.with_name(f".{whole.name[:_KEPT]}.{secrets.token_hex(8)}.part")
    try:
        with _whole(whole, part) as file:
            yield file
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(part)):
            error.filename = str(path)
        raise


@contextmanager
def _whole(path: Path, part: Path) -> Iterator[IO[bytes]]:
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    made = part.open("xb")  # one that is there is somebody else's, and stays
    try:
        with made as file:
            if mode is not None:  # before there is anything to read
                os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
