"""A file that is there when it is whole, and not before."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write to. It takes its name at the end of the block, unless that raises.

    It replaces one of that name, and has its permissions. A device or a pipe is written to
    directly.

    Raises:
        OSError: The file cannot be written. It has the name of the file.
    """
    try:
        with _whole(path.resolve()) as file:
            yield file
    except OSError as error:
        if error.errno is not None and (error.filename is None or _is_part(error.filename, path)):
            error.filename = str(path)
        raise


def _is_part(name: object, path: Path) -> bool:
    return name == str(_part(path.resolve()))


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    part = _part(path)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    try:
        with part.open("xb") as file:
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
