"""`ObjectsHandler`: the objects of a lake as a file system of Arrow's, which only reads."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

import pyarrow as pa
from pyarrow.fs import FileSystemHandler

if TYPE_CHECKING:
    from flask_chest_parquet.objects import Objects

_LEAST: Final = 64
"""Bytes of what cannot be opened: more than the end of a Parquet file has."""


class ObjectsHandler(FileSystemHandler):  # type: ignore[misc] # pyarrow has no types
    """Opens objects. It is used instead of Arrow's own S3, whose threads a forked process lacks.

    No exception leaves it. Arrow's threads would wait for Python's lock to tell what it says, and
    DuckDB may hold the lock, and wait for these threads: the process would stand still for ever.
    Instead, an object that cannot be read is full of zeros, which is no Parquet file.

    Args:
        objects: Where they are.
        faults: Gets the exceptions. With one of them in it, what was read must not be used.
    """

    def __init__(self, objects: Objects, faults: list[Exception]) -> None:
        self._objects = objects
        self._faults = faults

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectsHandler) and other._objects is self._objects

    def __hash__(self) -> int:
        return hash(id(self._objects))

    def get_type_name(self) -> str:
        """Return a name for messages."""
        return "flask-chest"

    def normalize_path(self, path: str) -> str:
        """Return a key as it is."""
        return path

    def open_input_file(self, path: str) -> pa.NativeFile:
        """Open an object, of which any part can be read."""
        try:
            return pa.PythonFile(_Open(self._objects, path, self._faults), mode="r")
        except Exception as error:  # noqa: BLE001 - raised by who asked
            self._faults.append(error)
            return pa.BufferReader(bytes(_LEAST))

    open_input_stream = open_input_file

    def _refuse(self, *given: object, **more: object) -> NoReturn:
        raise NotImplementedError("objects are opened by their keys, and not changed")

    get_file_info = get_file_info_selector = open_output_stream = open_append_stream = _refuse
    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = _refuse


class _Open:
    """An object that is open until `close`, as Arrow reads it."""

    def __init__(self, objects: Objects, key: str, faults: list[Exception]) -> None:
        self._stack = ExitStack()
        self._file: BinaryIO = self._stack.enter_context(objects.reader(key))
        self._faults = faults
        self.seek, self.tell = self._file.seek, self._file.tell

    def read(self, size: int) -> bytes:
        """Read some bytes; zeros when they cannot be read."""
        try:
            return self._file.read(size)
        except Exception as error:  # noqa: BLE001 - raised by who asked
            self._faults.append(error)
            return bytes(max(size, 0))

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        self._stack.close()
