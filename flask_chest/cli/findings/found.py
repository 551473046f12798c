"""One line of `flask chest check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from flask_chest.cli.output import one_line
from flask_chest.errors import ended
from flask_chest.exporter import Finding

Level: TypeAlias = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Found:
    """A finding, and the part that it is about.

    Attributes:
        level: ``ok``, ``warning`` or ``error``.
        where: Name of an exporter, or ``settings``, ``plugins``, ``journal``, ``clock``.
        subject: What was looked at, in a few words; empty for the part as a whole.
        text: What was found.
        remedy: What to do; empty when nothing is to be done.
    """

    level: Level
    where: str
    subject: str
    text: str
    remedy: str = ""

    @classmethod
    def of(cls, name: str, finding: Finding) -> Found:
        """Return what an exporter has found of its destination."""
        return cls(finding.level, name, finding.subject, finding.text, finding.remedy)

    def line(self) -> str:
        """Return it as one line of text."""
        level = "" if self.level == "ok" else f"{self.level}: "
        subject = f"{self.subject}: " if self.subject else ""
        text = one_line(self.text).rstrip(".")
        if self.remedy:
            text = f"{ended(text)} {one_line(self.remedy)}"
        return f"{self.where}: {level}{subject}{text}"

    def data(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "level": self.level,
            "where": self.where,
            "subject": self.subject,
            "text": one_line(self.text),
            "remedy": one_line(self.remedy),
        }
