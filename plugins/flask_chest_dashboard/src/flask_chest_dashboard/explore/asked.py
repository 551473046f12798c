"""`Asked`: one call of `Store.measure`, to ask, to copy and to download."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query

if TYPE_CHECKING:
    from flask_chest_dashboard.asking import Asker

_DEFAULT_LIMIT: Final = 100
"""That of `Store.measure`."""


@dataclass(frozen=True)
class Asked:
    """The arguments of `Store.measure`, with a range of time whose ends are known."""

    measures: tuple[str, ...]
    since: datetime
    until: datetime
    by: tuple[str, ...] = ()
    every: str | None = None
    tz: str = "UTC"
    where: str | None = None
    order_by: str | None = None
    limit: int = _DEFAULT_LIMIT

    def rows(self, asker: Asker) -> list[dict[str, Any]]:
        """Return the answer, which must not be changed."""
        return asker.measure(
            *self.measures,
            by=self.by,
            every=self.every,
            tz=self.tz,
            where=self.where,
            since=self.since,
            until=self.until,
            order_by=self.order_by,
            limit=self.limit,
        )

    def _options(self) -> dict[str, Any]:
        """Return the arguments by name, without those that are the default."""
        given = {
            "by": list(self.by) or None,
            "every": self.every,
            "tz": self.tz if self.every and self.tz != "UTC" else None,
            "where": self.where,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "order_by": self.order_by,
            "limit": self.limit if self.by and self.limit != _DEFAULT_LIMIT else None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def python(self) -> str:
        """Return the question as Python."""
        lines = [*(repr(each) for each in self.measures)]
        lines += [f"{name}={value!r}" for name, value in self._options().items()]
        return "store.measure(\n" + "".join(f"    {line},\n" for line in lines) + ")"

    def command(self) -> str:
        """Return the question as a command for a shell."""
        words = ["flask", "chest", "measure", *map(quoted, self.measures)]
        for name, value in self._options().items():
            option = f"--{name.replace('_', '-')}"
            for each in value if isinstance(value, list) else [value]:
                # A value that begins with a minus sign is no option behind an equals sign.
                text = quoted(str(each))
                words.append(
                    f"{option}={text}" if str(each).startswith("-") else f"{option} {text}"
                )
        return " ".join(words)

    def columns(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Return the names of the columns of an answer."""
        rest = ["rest"] if any("rest" in row for row in rows) else []
        return [*(["bucket"] if self.every else []), *self.by, *self.measures, *rest]


def quoted(text: str) -> str:
    """Return one word for a shell, without a character that a terminal obeys when it is pasted."""
    if text.isprintable():
        return shlex.quote(text)
    # Of bash, zsh and ksh, and of POSIX since 2024.
    shown = "".join(
        each if each.isprintable() and each not in "'\\" else _escaped(each) for each in text
    )
    return f"$'{shown}'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "replace"))


def csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a CSV file that a spreadsheet opens without running any of it."""
    yield f"{query.csv_line(columns)}\r\n"
    for row in rows:
        yield f"{query.csv_line(row.get(name) for name in columns)}\r\n"


def json_lines(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a file with one object on each line."""
    for row in rows:
        yield f"{json.dumps(row, ensure_ascii=False)}\n"
