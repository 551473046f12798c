"""The content of a file of counters: of one process, or the total of ended ones."""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flask_chest.errors import ChestError
from flask_chest.runtime.attempts import Attempts, merged
from flask_chest.runtime.counters import sum_counts

MAX_BYTES: Final = 16 * 1024 * 1024
"""No file of counters is larger, as there are at most a thousand names of each kind."""

_Count = Annotated[int, Field(ge=0, lt=2**63, strict=True)]


class Damaged(ChestError):
    """The content is no JSON, or not what such a file has."""


class Newer(ChestError):
    """A newer release wrote the file. That one can read it."""


class Counted(BaseModel):
    """What one process has counted, or several that have ended.

    Attributes:
        version: Of the format. A release that changes what is here takes the next one.
        pid: Process ID; 0 for a total.
        started_at: When counting began, in Unix time.
        leads_since: Since when the process is the leader, in Unix time; None when it is not.
        max_bytes: CHEST_JOURNAL_MAX_BYTES of the process; of a total, of the last one.
        counts: Events by kind and reason.
        attempts: How the last attempts to deliver ended, by exporter.
        contains: Of a total, names of the files that are in it, which may not be deleted yet.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = 1
    pid: _Count = 0
    started_at: float = 0.0
    leads_since: float | None = None
    max_bytes: _Count = 0
    counts: dict[str, dict[str, _Count]] = {}
    attempts: dict[str, Attempts] = {}
    contains: list[str] = []

    def encode(self) -> bytes:
        """Return the content of its file."""
        # A client may have sent half a surrogate in a key, which UTF-8 has not.
        text = json.dumps(self.model_dump(), ensure_ascii=False)
        return text.encode("utf-8", "replace") + b"\n"

    @classmethod
    def decode(cls, content: bytes) -> Counted:
        """Read the content of a file.

        Raises:
            Damaged: It makes no sense.
            Newer: It will, to a newer release.
        """
        try:
            found = cls.model_validate_json(content)
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False)
            version = first["input"]
            if first["loc"] == ("version",) and isinstance(version, int) and version > 1:
                raise Newer(f"its version is {version}") from error
            raise Damaged(f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from error
        if "version" not in found.model_fields_set:
            raise Damaged("it has no version")
        return found

    def plus(self, others: dict[str, Counted], *, keep_names: int) -> Counted:
        """Return the total with processes that have ended.

        Args:
            others: What they counted, by the names of their files.
            keep_names: How many names of those that were added before are kept.
        """
        parts = [self, *others.values()]
        names = {name for part in parts for name in part.attempts}
        return Counted(
            started_at=min((part.started_at for part in parts if part.started_at), default=0.0),
            max_bytes=parts[-1].max_bytes or self.max_bytes,
            counts=sum_counts(part.counts for part in parts),
            attempts={
                name: merged(part.attempts[name] for part in parts if name in part.attempts)
                for name in sorted(names)
            },
            contains=[*self.contains[-keep_names:], *others],
        )
