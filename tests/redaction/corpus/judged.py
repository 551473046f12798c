"""What became of the forms of the corpus, and of the harmless values."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import FACTS, SECRETS
from .door import NOTHING, Filter, recorded
from .forms import Form
from .harmless import harmless


class Failure(NamedTuple):
    """A form or value that was not recorded as it should be."""

    form: Form
    recorded: object

    def __str__(self) -> str:
        return f"{self.form}\n    -> {self.recorded!r:.300}"


@dataclass
class Judged:
    """How many forms of each family there are, and which of them failed."""

    counts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, list[Failure]] = field(default_factory=dict)

    def add(self, form: Form, recorded: object, *, is_right: bool) -> None:
        """Count a form."""
        self.counts[form.family] = self.counts.get(form.family, 0) + 1
        if not is_right:
            self.failures.setdefault(form.family, []).append(Failure(form, recorded))

    @property
    def count(self) -> int:
        """The number of all forms."""
        return sum(self.counts.values())

    @property
    def failed(self) -> list[Failure]:
        """All failures."""
        return [failure for found in self.failures.values() for failure in found]

    @property
    def share(self) -> float:
        """The share of forms that are right, from 0 to 1."""
        return 1 - len(self.failed) / self.count


def as_text(recorded: object) -> str:
    """Return all that a record has of a form, as one text. Bytes are recorded as base64."""
    leaves = list(_leaves(recorded))
    return "\n".join((*leaves, *filter(None, map(_decoded, leaves))))


def _leaves(recorded: object) -> Iterator[str]:
    if isinstance(recorded, Mapping):
        for key, value in recorded.items():
            yield str(key)
            yield from _leaves(value)
    elif isinstance(recorded, (list, tuple)):
        for item in recorded:
            yield from _leaves(item)
    else:
        yield str(recorded)


def _decoded(text: str) -> str:
    text = text.partition("…")[0]
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


def holds(recorded: object, parts: Iterable[str]) -> list[str]:
    """Return the texts that a record holds."""
    text = as_text(recorded)
    return [part for part in parts if part in text]


def judge_secrets(**settings: Any) -> tuple[Judged, Judged]:
    """Return what became of the secrets, and of what stands around them.

    Args:
        settings: Of FlaskChest, in addition to its defaults.
    """
    hidden, kept = Judged(), Judged()
    with recorded(SECRETS, **settings) as results:
        for form, result in results:
            hidden.add(form, result, is_right=not holds(result, form.secrets))
            if form.kept:
                kept.add(form, result, is_right=len(holds(result, form.kept)) == len(form.kept))
    return hidden, kept


def judge_facts(**settings: Any) -> Judged:
    """Return what became of the facts. Each is right where a record without redaction has it, too.

    Args:
        settings: Of FlaskChest, in addition to its defaults.
    """
    judged = Judged()
    with recorded(FACTS, **NOTHING) as unredacted:
        expected = [result for _form, result in unredacted]
    with recorded(FACTS, **settings) as results:
        for (form, result), wanted in zip(results, expected, strict=True):
            judged.add(form, result, is_right=result == wanted)
    return judged


def judge_harmless(count: int = 100_000, take: Callable[[object], object] | None = None) -> Judged:
    """Return what became of generated harmless values.

    Args:
        count: How many.
        take: Returns what a record has of a value; None for Flask-Chest's own filter.
    """
    if take is None:
        filtering = Filter("note")

        def take(value: object) -> object:
            return filtering.take({"note": value})["note"]

    judged = Judged()
    for kind, value in harmless(count):
        result = take(value)
        judged.add(Form(kind, value), result, is_right=result == value)
    return judged
