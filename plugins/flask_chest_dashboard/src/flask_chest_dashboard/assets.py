"""The files that the pages load, under names with a hash of their content."""

from __future__ import annotations

import hashlib
import mimetypes
from importlib.resources import files
from typing import Final

from flask_chest_dashboard.responses import Asset

_HASH_CHARACTERS: Final = 12
_PACKAGE: Final = "flask_chest_dashboard"


class Assets:
    """The files of the folder `static`, read once."""

    def __init__(self) -> None:
        self._by_hashed: dict[str, tuple[bytes, str]] = {}
        self._hashed: dict[str, str] = {}
        for file in (files(_PACKAGE) / "static").iterdir():
            stem, dot, ending = file.name.rpartition(".")
            kind = mimetypes.types_map.get(f".{ending}")
            if not dot or kind is None or ending not in {"css", "js", "svg"}:
                continue  # a licence
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:_HASH_CHARACTERS]
            self._hashed[file.name] = hashed = f"{stem}.{digest}.{ending}"
            self._by_hashed[hashed] = content, kind

    def hashed(self, name: str) -> str:
        """Return the name under which a file is served.

        Raises:
            KeyError: There is no such file.
        """
        return self._hashed[name]

    def response(self, hashed: str) -> Asset | None:
        """Return the file with a hashed name; None when there is none."""
        if hashed not in self._by_hashed:
            return None
        content, kind = self._by_hashed[hashed]
        return Asset(content, content_type=f"{kind}; charset=utf-8")
