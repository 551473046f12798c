"""`Answers`: what tallies of past days have found, for as long as their files are the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.query.questions import Tally, TallyRow
    from flask_chest_parquet.manifest import LakeFile

LARGEST: Final = 20_000
"""Rows of an answer that is kept. A row takes about 0.4 kB."""

_MOST: Final = 5 * LARGEST
_MOST_ANSWERS: Final = 200


class Question(NamedTuple):
    """A tally of some files.

    Attributes:
        asked: As its text: 1 equals True, and is another question.
        files: Keys of the files. What a key stands for never changes.
    """

    asked: str
    files: frozenset[str]

    @classmethod
    def of(cls, asked: Tally, files: Iterable[LakeFile]) -> Question:
        """Return a tally as a question."""
        return cls(repr(asked), frozenset(file.key for file in files))


class Answers:
    """The newest answers of this process. Any thread may use them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = 0
        self._known: OrderedDict[Question, list[TallyRow] | None] = OrderedDict()
        fork.watch(self)

    def after_fork(self) -> None:
        """Begin anew: another thread may have been in the middle of a change."""
        self._lock = threading.Lock()
        self._rows = 0
        self._known = OrderedDict()

    def is_too_large(self, question: Question) -> bool:
        """Return whether an answer is known to have too many rows."""
        with self._lock:
            return question in self._known and self._known[question] is None

    def get(self, question: Question) -> list[TallyRow] | None:
        """Return an answer; None when it is not known."""
        with self._lock:
            found = self._known.get(question)
            if found is not None:
                self._known.move_to_end(question)
            return found

    def put(self, question: Question, rows: list[TallyRow]) -> None:
        """Keep an answer, or that it has more rows than `LARGEST`."""
        is_kept = len(rows) <= LARGEST
        with self._lock:
            self._forget(question)
            self._known[question] = rows if is_kept else None
            self._rows += len(rows) if is_kept else 0
            while self._rows > _MOST or len(self._known) > _MOST_ANSWERS:
                self._forget(next(iter(self._known)))

    def _forget(self, question: Question) -> None:
        self._rows -= len(self._known.pop(question, None) or ())
