"""What was measured, as a table with charts, as lines of JSON, or as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from flask_chest.cli import charts
from flask_chest.cli.output import echo_json
from flask_chest.cli.streams import has_reader, write
from flask_chest.cli.tables import Table, amount, cell, terminal_width
from flask_chest.query.sheets import csv_line

Row: TypeAlias = Mapping[str, Any]

BUCKET: Final = "bucket"
REST: Final = "rest"
_GAP: Final = 2
_FEWEST: Final = 10
"""Characters of a sparkline on a narrow terminal."""


def print_rows(
    rows: Sequence[Row], format_: str, *, by: Sequence[str], numbers: Sequence[str]
) -> None:
    """Print the groups that a store has measured.

    Args:
        rows: As `Store.measure` returns them, without an explanation.
        format_: ``table``, ``json`` or ``csv``.
        by: Names of the groups' values.
        numbers: Names of the measures.
    """
    buckets = [BUCKET] if any(BUCKET in row for row in rows) else []
    if format_ == "json":
        for row in rows:
            echo_json(row)
            if not has_reader():
                return
        return
    has_rest = any(REST in row for row in rows)
    if format_ == "csv":
        lines = _csv(rows, [*buckets, *by, *numbers, *([REST] if has_rest else [])])
    elif buckets and by and _are_numbers(rows, numbers):
        lines = _sparklines(rows, by, numbers)
    else:
        lines = _bars(rows, buckets, by, numbers)
    for line in lines:
        write(line)
        if not has_reader():
            return


def _csv(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    yield csv_line(names)
    for row in rows:
        yield csv_line(row.get(name) for name in names)


def _are_numbers(rows: Sequence[Row], numbers: Sequence[str]) -> bool:
    return all(is_number(row[name]) or row[name] is None for row in rows for name in numbers)


def is_number(value: object) -> bool:
    """Return whether a value can be drawn."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def group_cells(row: Row, by: Sequence[str]) -> list[str]:
    """Return the texts of the values of a group; of the rest, how many groups it has."""
    if row.get(REST) and by:
        return [f"({row[REST]:,} more)", *[""] * (len(by) - 1)]
    return [cell(row[name]) for name in by]


def _bars(
    rows: Sequence[Row], buckets: Sequence[str], by: Sequence[str], numbers: Sequence[str]
) -> Iterator[str]:
    """Yield a line for each row, with a bar for the first measure."""
    first = numbers[0]
    drawn = [row[first] for row in rows if is_number(row[first])]
    is_drawn = len(drawn) > 1 and min(drawn) >= 0
    blocks = charts.has_blocks()
    table = Table(
        [*buckets, *by, *numbers, *([""] if is_drawn else [])],
        right=numbers,
        whole=(BUCKET,),
        columns=terminal_width(),
    )

    def cells(row: Row) -> list[str]:
        texts = [*(cell(row[name]) for name in buckets), *group_cells(row, by)]
        texts += [_measured(row[name], blocks=blocks) for name in numbers]
        if is_drawn:
            value = row[first] if is_number(row[first]) else None
            texts.append(charts.bar(value, max(drawn), blocks=blocks))
        return texts

    return table.lines(map(cells, rows))


def _measured(value: Any, *, blocks: bool) -> str:  # noqa: ANN401 - any that a row has
    if not isinstance(value, list):
        return amount(value)
    if not value:
        return amount(None)
    # A histogram, with the lowest value and the highest around it.
    drawn = charts.histogram(value, blocks=blocks)
    return f"{amount(value[0][0])} {drawn} {amount(value[-1][1])}"


def _sparklines(rows: Sequence[Row], by: Sequence[str], numbers: Sequence[str]) -> Iterator[str]:
    """Yield a line for each group: of each measure its course in time, and the largest value."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        values = (row.get(name) for name in (*by, REST))
        groups.setdefault(tuple((type(value), value) for value in values), []).append(row)
    titles = [title for name in numbers for title in (name, "max")]
    blocks = charts.has_blocks()
    most = _most(terminal_width(), numbers)
    table = Table([*by, *titles], right=["max"], whole=numbers, columns=terminal_width())

    def cells(group: Sequence[Row]) -> list[str]:
        texts = group_cells(group[0], by)
        for name in numbers:
            values = [row[name] for row in group]
            known = [value for value in values if value is not None]
            texts.append(charts.sparkline(values, most, blocks=blocks))
            texts.append(amount(max(known, default=None)))
        return texts

    return table.lines(map(cells, groups.values()))


def _most(columns: int | None, numbers: Sequence[str]) -> int:
    """Return how many characters each sparkline may have."""
    if columns is None:
        return charts.MOST_BUCKETS
    each = columns * 2 // 3 // len(numbers) - 3 * _GAP - len("1,000")
    return max(min(each, charts.MOST_BUCKETS), _FEWEST)
