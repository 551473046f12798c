"""Read secrets from files, as Docker and Kubernetes have them: ``password_file``."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from flask_chest.errors import MASK, ConfigurationError

SUFFIX: Final = "_file"
MAX_BYTES: Final = 65_536

_PATHS: Final = ("/", "~", ".", "<")
"""What a path begins with, unless it is only the name of a file. All else may be the secret."""


def is_secret(name: str, field: FieldInfo) -> bool:
    """Return whether a setting may be read from a file: a secret, or CHEST_EXPORTERS."""
    return name == "exporters" or SecretStr in (field.annotation, *get_args(field.annotation))


def with_files(
    given: Mapping[str, Any],
    names: Collection[str],
    place: Callable[[str, object], str],
    *,
    expand: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Return values, those of files in place of the names of the files.

    Args:
        given: Name to value; with ``_file`` behind it, name to path.
        names: Which may be in a file. One that has ``_file`` behind it itself is no path.
        place: Returns where a name with its value was set, for errors.
        expand: Makes a path of what is written.

    Raises:
        ConfigurationError: A file cannot be read, or the value is given as well.
    """
    found = dict(given)
    for name in names:
        source = f"{name}{SUFFIX}"
        if source in names or found.get(source) is None:
            continue
        path = found.pop(source)
        where = place(source, path)
        if found.get(name) is not None:
            raise ConfigurationError(
                f"{where} and {place(name, found[name])} set the same. Remove one of them"
            )
        try:
            found[name] = read(path, expand)
        except ValueError as error:
            raise ConfigurationError(f"{where}={shown(path)}: {error}", setting=where) from None
    return found


def shown(path: object) -> str:
    """Return the `repr` of a path for messages; masked when it may be the secret itself."""
    text = str(path)
    return repr(text if not text or text.startswith(_PATHS) else MASK)


def read(path: object, expand: Callable[[str], str] = str) -> str:
    """Return the text of a file, without one line end at its end.

    Raises:
        ValueError: It cannot be read, or is no secret. The message has neither path nor content.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError("is no path of a file")  # noqa: TRY004 - as every wrong value
    if not os.fspath(path):
        raise ValueError("is empty. Name the file, or leave this out")
    try:
        content = _content(os.path.expanduser(expand(os.fspath(path))))  # noqa: PTH111 - raises nothing
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the content of the file is not UTF-8") from None
    except OSError as error:
        raise ValueError(_fault(error, path)) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError("the file is empty. Write the secret into it")
    return text


def _content(path: str) -> bytes:
    """Return what is in a file.

    Raises:
        ValueError: It is too large, or no file.
        OSError: It cannot be read.
    """
    # Without O_NONBLOCK, a named pipe would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise ValueError("is a directory. Name the file in it")
        if not stat.S_ISREG(mode):
            raise ValueError("is no regular file")
        content = b""
        while len(content) <= MAX_BYTES and (more := os.read(descriptor, MAX_BYTES + 1)):
            content += more
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise ValueError(f"the file has more than {MAX_BYTES} bytes, which no secret has")
    return content


def _fault(error: OSError, path: object) -> str:
    """Return what is wrong with a file, and what to do."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        hint = "Mount the secret, or correct the path"
        if not str(path).startswith(_PATHS):
            hint = "A path is written whole. The secret itself goes where the name has no _FILE"
        return f"the file does not exist. {hint}"
    if error.errno == errno.EACCES:
        return f"the file cannot be read by the user {os.geteuid()}. Change its owner or its mode"
    return f"the file cannot be read: {error.strerror}"
