"""`Declaration`: what CHEST_ROLLUPS says, as texts. It imports nothing that a request lacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Declaration:
    """What one application wants to be rolled up. `Cubes.of` reads it.

    Attributes:
        dimensions: Besides service, route, method and status code, which are there together.
        measures: Names besides `duration_ms`.
        distinct: Names whose different values are counted.
        minute: How long minutes are kept; None for ever.
        hour: How long hours are kept.
        day: How long days are kept.
        max_groups: Most groups of a bucket. The smallest beyond are one group.
    """

    dimensions: tuple[tuple[str, ...], ...] = ()
    measures: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()
    minute: timedelta | None = timedelta(days=2)
    hour: timedelta | None = timedelta(days=60)
    day: timedelta | None = None
    max_groups: int = 1_000
