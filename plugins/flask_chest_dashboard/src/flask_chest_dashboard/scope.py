"""`Scope`: what a panel is about, which is all requests, or those of one route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_chest import query

if TYPE_CHECKING:
    from flask_chest_dashboard.choices import Choices


@dataclass(frozen=True)
class Scope:
    """All requests, or those of one route.

    Attributes:
        route: The route; None for requests without one, or all.
        method: The method; empty for all.
        is_unmatched: Whether the requests are those that no route matched.
    """

    route: str | None = None
    method: str = ""
    is_unmatched: bool = False

    @classmethod
    def read(cls, arguments: Mapping[str, str]) -> Scope:
        """Read the arguments of a URL."""
        route = arguments.get("route") or None
        is_unmatched = route is None and arguments.get("unmatched") == "yes"
        return cls(route, arguments.get("method", ""), is_unmatched)

    @classmethod
    def of(cls, route: str | None, method: str) -> Scope:
        """Return the scope of a route, as a record or a group has it."""
        return cls(route, method, route is None)

    @property
    def is_of_route(self) -> bool:
        """Whether it is one route, or none."""
        return self.route is not None or self.is_unmatched

    @property
    def title(self) -> str:
        """What it is called."""
        name = "Requests that no route matched" if self.route is None else self.route
        return f"{self.method} {name}".strip()

    @property
    def conditions(self) -> list[str]:
        """Filters that choose its requests."""
        found = []
        if self.is_of_route:
            found.append(query.condition_of("route", self.route) or "")
        if self.method:
            found.append(query.condition_of("method", self.method) or "")
        return found

    def arguments(self) -> dict[str, str | None]:
        """Return the arguments of a URL."""
        return {
            "route": self.route,
            "method": self.method or None,
            "unmatched": "yes" if self.is_unmatched else None,
        }

    def filter(self, choices: Choices) -> str | None:
        """Return the filter that chooses its requests among those that are chosen.

        Raises:
            QueryError: A filter of the choices cannot be read.
        """
        _ = choices.filter
        return choices.also(*self.conditions).filter
