"""Tables of aligned columns, as wide as the terminal at most, and of any width elsewhere."""

from __future__ import annotations

import json
import math
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import Final

from flask_chest.cli.streams import is_terminal
from flask_chest.runtime.printable import printable

_GAP: Final = "  "
_MOST_DIGITS: Final = 1e16
"""From here on, a float has fewer digits than its number: it is written with an exponent."""

_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_NARROWEST: Final = 8
"""Columns of a terminal that a cell which may be cut keeps, if it has so many."""

_ROWS_AHEAD: Final = 200
"""Rows whose widths are known before the first one is printed."""


def terminal_width() -> int | None:
    """Return the columns of the terminal that stdout is; None when it is none."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def width(text: str) -> int:
    """Return how many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return 2
    if "\u1160" <= character <= "\u11ff":  # the vowels and ends of a Hangul syllable
        return 0
    is_mark = unicodedata.category(character) in {"Mn", "Me", "Cf"} and character != "\xad"
    return 0 if is_mark else 1


def cut(text: str, columns: int) -> str:
    """Return a printable text in at most so many columns, with an ellipsis if it was cut."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for character in text:
        used += _width(character)
        if used > columns - 1:
            break
        kept.append(character)
    return "".join(kept) + (_ELLIPSIS if columns > 0 else "")


def cell(value: object) -> str:
    """Return a value of a record as a person reads it, in one line."""
    if value is None:
        return "-"
    if isinstance(value, (bool, list, dict)):
        return printable(json.dumps(value, ensure_ascii=False, default=str))
    if isinstance(value, float):
        return decimal(value)
    return printable(value)


def amount(value: object) -> str:
    """Return what was measured as a person reads it: numbers in groups of three digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return cell(value)


def decimal(value: float) -> str:
    """Return a number with at least four significant digits, and none after the point to spare."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= _MOST_DIGITS:
        return f"{value:.6g}"
    if value == int(value) or abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


class Table:
    """Rows in aligned columns. Their number may be any: only the first ones are held.

    Args:
        titles: Of the columns.
        right: Titles of those that are aligned to the right, as numbers are.
        whole: Titles of those that are never cut, besides these.
        columns: Of the terminal; None for no limit.
    """

    def __init__(
        self,
        titles: Sequence[str],
        *,
        right: Iterable[str] = (),
        whole: Iterable[str] = (),
        columns: int | None = None,
    ) -> None:
        self._titles = [printable(title) for title in titles]
        self._is_right = [title in {*right} for title in titles]
        self._is_whole = [title in {*right, *whole} for title in titles]
        self._columns = columns
        self._widths = [width(title) for title in self._titles]

    def lines(self, rows: Iterable[Sequence[str]]) -> Iterator[str]:
        """Yield the line of the titles, and one for each row of printable texts."""
        rest = iter(rows)
        first = list(islice(rest, _ROWS_AHEAD))
        for row in first:
            self._widen(row)
        yield self.header()
        for row in chain(first, rest):
            yield self.line(row)

    def header(self) -> str:
        """Return the line of the titles, for rows of which none is known yet."""
        return self._line(self._titles)

    def line(self, row: Sequence[str]) -> str:
        """Return the line of one row. A number for which there is no room is an ellipsis."""
        self._widen(row)
        if self._columns is None or width(self._whole_line(row)) <= self._columns:
            return self._line(row)
        room = self._columns - 1 - len(_ELLIPSIS)  # which follows a number after a space
        ends = accumulate(columns + len(_GAP) for columns in self._fitted())
        for index, (end, is_right) in enumerate(zip(ends, self._is_right, strict=True)):
            if is_right and end - len(_GAP) > room:
                shown = [*row[:index], _ELLIPSIS, *[""] * (len(row) - index - 1)]
                return self._line(shown)
        return self._line(row)

    def _line(self, row: Sequence[str]) -> str:
        line = self._whole_line(row)
        return line if self._columns is None else cut(line, self._columns)

    def _whole_line(self, row: Sequence[str]) -> str:
        widths = self._fitted()
        cells = []
        for text, columns, is_right in zip(row, widths, self._is_right, strict=True):
            shown = cut(text, columns)
            space = " " * (columns - width(shown))
            cells.append(space + shown if is_right else shown + space)
        return _GAP.join(cells).rstrip(" ")

    def _widen(self, row: Sequence[str]) -> None:
        self._widths = [
            max(known, width(text)) for known, text in zip(self._widths, row, strict=True)
        ]

    def _fitted(self) -> list[int]:
        """Return the widths with which a line fits: the widest cells are cut first."""
        widths = list(self._widths)
        if self._columns is None:
            return widths
        excess = sum(widths) + len(_GAP) * (len(widths) - 1) - self._columns
        while excess > 0:
            cuttable = [
                index
                for index, columns in enumerate(widths)
                if columns > _NARROWEST and not self._is_whole[index]
            ]
            if not cuttable:
                break
            widest = max(cuttable, key=widths.__getitem__)
            next_widest = max(
                (widths[index] for index in cuttable if widths[index] < widths[widest]),
                default=_NARROWEST,
            )
            # Down to the next one, but not further than needed.
            lower = max(next_widest, widths[widest] - excess, _NARROWEST)
            excess -= widths[widest] - lower
            widths[widest] = lower
        return widths
