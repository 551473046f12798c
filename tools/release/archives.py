"""A built wheel or sdist: its files and its metadata."""

from __future__ import annotations

import tarfile
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Archive:
    """What is in a wheel or an sdist.

    Attributes:
        name: Name of the file.
        files: Content by path. The paths of an sdist are without its outer folder.
        outside: Paths that are not in that folder, or that are no plain files.
    """

    name: str
    files: dict[str, bytes]
    outside: tuple[str, ...] = ()

    @property
    def info(self) -> str:
        """Folder of a wheel's metadata."""
        return "-".join(self.name.split("-")[:2]) + ".dist-info"

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel."""
        return self.name.endswith(".whl")

    @cached_property
    def metadata(self) -> Message:
        """The core metadata, empty when there are none."""
        name = f"{self.info}/METADATA" if self.is_wheel else "PKG-INFO"
        return message_from_bytes(self.files.get(name, b""))

    @property
    def description(self) -> str:
        """The README in it."""
        payload = self.metadata.get_payload(decode=True)
        return payload.decode() if isinstance(payload, bytes) else ""


def read(path: Path) -> Archive:
    """Read a wheel or an sdist."""
    return _wheel(path) if path.suffix == ".whl" else _sdist(path)


def _wheel(path: Path) -> Archive:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        twice = {name for name in names if names.count(name) > 1}
        return Archive(path.name, {name: archive.read(name) for name in names}, tuple(twice))


def _sdist(path: Path) -> Archive:
    folder = path.name.removesuffix(".tar.gz") + "/"
    files, outside = {}, []
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None or not member.name.startswith(folder):
                outside.append(member.name)
            else:
                files[member.name.removeprefix(folder)] = content.read()
    return Archive(path.name, files, tuple(outside))
