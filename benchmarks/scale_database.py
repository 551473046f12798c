"""A simulated database, which shares its cores among what it is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Work:
    """Something that the database does, with one core at most."""

    kind: str
    whole: float
    done: Callable[[], None]
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.whole


class Database:
    """Shares its cores evenly among what it does."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self.speed = 1.0
        self.is_down = False
        self.works: dict[Work, None] = {}
        self.busy: defaultdict[str, float] = defaultdict(float)

    def rate(self) -> float:
        """Return the core seconds that each work gets in a second."""
        return self.speed * min(1.0, self.cores / len(self.works))

    def seconds_to_next(self) -> float:
        """Return how long it takes until something is done."""
        if not self.works:
            return float("inf")
        return max(min(work.left for work in self.works), 0.0) / self.rate()

    def advance(self, seconds: float) -> None:
        """Work for some seconds."""
        if self.works and seconds > 0:
            share = seconds * self.rate()
            for work in self.works:
                work.left -= share
                self.busy[work.kind] += share

    def finished(self) -> list[Work]:
        """Take out, and return, what is done."""
        done = [work for work in self.works if work.left <= 1e-9]
        for work in done:
            del self.works[work]
        return done


# -- The leaders ---------------------------------------------------------------------------------
