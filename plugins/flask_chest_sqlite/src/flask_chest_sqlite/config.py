"""Configuration of a SQLite store."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from flask_chest_sqlite.disk import closed


class SqliteConfig(BaseModel):
    """Where the database file is, and how long to wait for its lock.

    A URL stands for all of it: ``sqlite:///relative/path.sqlite3``, ``sqlite:////absolute/path``,
    ``sqlite:///~/path`` in the home folder, with other fields in its query, as in
    ``?busy_timeout_seconds=10``. In the path, ``?`` and ``%`` are percent-encoded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(
        description="The database file, created when it is missing, in a folder that exists. A "
        "relative path starts at the working directory of the process, `~` is the home folder"
    )
    busy_timeout_seconds: float = Field(
        default=5.0,
        ge=0.0,
        le=3_600.0,
        description="Seconds to wait while another process holds the file's write lock",
    )
    query_timeout_seconds: float = Field(
        default=30.0,
        ge=0.1,
        le=3_600.0,
        description="Seconds that one query may take, after which it is cancelled",
    )

    mode: int = Field(
        default=0o600,
        ge=0o600,
        le=0o666,
        description="Who may read and write the file and those that SQLite puts beside it, as "
        "`chmod` has it: `0600` the owner alone, `0640` also its group to read, `0660` also to "
        "write. A file that exists gets it, too, if it belongs to this user",
    )

    @field_validator("mode", mode="before")
    @classmethod
    def _octal(cls, given: object) -> object:
        if isinstance(given, str):
            if not re.fullmatch(r"(0o?)?[0-7]{3}", given):
                raise ValueError("is no mode such as '0600' or '0640'")
            given = int(given.removeprefix("0o"), 8)
        is_mode = isinstance(given, int) and not given & ~0o666 and given & 0o600 == 0o600
        if isinstance(given, bool) or not is_mode:
            raise ValueError(
                "is no mode of a file that its owner may read and write. Write it as a text, such "
                "as '0600' or '0640'"
            )
        return given

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic's own signature
        if not isinstance(given, dict) or "url" not in given:
            return given
        fields = dict(given)
        url = re.fullmatch(
            r"[\w+]+://([^/?]*)(?:/([^?]*))?(?:\?(.*))?", str(fields.pop("url")), re.DOTALL
        )
        if url is None:
            raise ValueError("is not a URL such as 'sqlite:////absolute/path'")
        host, path, query = url.groups("")
        if host:
            # Not what may be a password, where somebody has taken this for a server's URL.
            is_host = re.fullmatch(r"[\w.-]+", host) and "@" not in path
            shown = f"the host {host!r}" if is_host else "a host"
            raise ValueError(
                f"names {shown}: a path needs three slashes when it is relative (sqlite:///path) "
                "and four when it is absolute (sqlite:////path)"
            )
        taken = {
            name: values[0] if len(values) == 1 else values
            for name, values in parse_qs(query, keep_blank_values=True).items()
        }
        # As bytes: the name of a file need not be UTF-8.
        path = os.fsdecode(unquote_to_bytes(os.fsencode(path)))
        return {**taken, "path": path, **fields}

    @field_validator("path", mode="before")
    @classmethod
    def _is_file(cls, path: object) -> object:
        if str(path) in ("", ":memory:"):
            raise ValueError(
                "SQLite in memory is not shared by processes and threads. Name a file, such as "
                "'sqlite:////var/lib/shop/chest.sqlite3'"
            )
        return path

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        try:
            path = path.expanduser().absolute()  # the working directory may change later
        except RuntimeError as error:  # the home folder of somebody who has none
            raise ValueError(f"{path}: {error}. Give the whole path") from None
        try:
            is_folder = path.is_dir()
        except PermissionError:
            raise ValueError(f"{path} is out of reach: {closed(path)}") from None
        if is_folder:
            raise ValueError(f"{path} is a directory. Name a file in it, such as chest.sqlite3")
        if not path.parent.is_dir():
            raise ValueError(f"the folder {path.parent} does not exist. Create it first")
        return path
