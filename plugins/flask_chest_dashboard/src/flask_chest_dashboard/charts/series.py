"""`Chart`: values over time, as a table from which the script draws lines or bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_chest_dashboard import formats


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        title: Its name.
        values: One for each bucket; None where there is none.
        role: Its meaning, where it has a colour of its own: ``error``, ``before``; else empty.
    """

    title: str
    values: Sequence[float | None]
    role: str = ""


@dataclass(frozen=True)
class Chart:
    """Values over time.

    Attributes:
        title: What it shows.
        buckets: When each bucket begins.
        series: The lines.
        unit: Of all values: see `formats.UNITS`.
        kind: ``lines`` or ``bars``.
    """

    title: str
    buckets: Sequence[datetime]
    series: Sequence[Series] = field(default_factory=list)
    unit: str = "count"
    kind: str = "lines"

    @classmethod
    def of_rows(
        cls, title: str, rows: Sequence[dict[str, Any]], names: Sequence[str], kind: str = "lines"
    ) -> Chart:
        """Return a chart of measures over time, from rows of `Store.measure` without groups."""
        return cls(
            title,
            [datetime.fromisoformat(row["bucket"]) for row in rows],
            [Series(name, [row[name] for row in rows]) for name in names],
            formats.unit_of(names[0]),
            kind,
        )
