"""`ObjectsHandler`: the objects of a lake as a file system of Arrow's, which only reads."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import pyarrow as pa
from pyarrow.fs import FileSystemHandler

if TYPE_CHECKING:
    from flask_chest_parquet.objects import Objects


class ObjectsHandler(FileSystemHandler):  # type: ignore[misc] # pyarrow has no types
    """Opens objects. It is used instead of Arrow's own S3, whose threads a forked process lacks.

    Args:
        objects: Where they are.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

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
        """Open an object, of which any part can be read.

        Raises:
            Gone: It is not there.
        """
        return pa.PythonFile(_Open(self._objects, path), mode="r")

    open_input_stream = open_input_file

    def _refuse(self, *given: object, **more: object) -> NoReturn:
        raise NotImplementedError("objects are opened by their keys, and not changed")

    get_file_info = get_file_info_selector = open_output_stream = open_append_stream = _refuse
    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = _refuse


class _Open:
    """An object that is open until `close`, as Arrow reads it."""

    def __init__(self, objects: Objects, key: str) -> None:
        self._stack = ExitStack()
        self._file: BinaryIO = self._stack.enter_context(objects.reader(key))
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        self._stack.close()
