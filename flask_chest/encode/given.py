"""The patterns of what an application gives by name itself, as the variables of a job."""

from __future__ import annotations

from collections.abc import Iterable

from flask_chest.encode.patterns import Patterns


class GivenNames(Patterns):
    """Takes every name, also one with a leading underscore, but for what others exclude.

    Args:
        outer: Patterns whose exclusions hold.
    """

    __slots__ = ()

    def __init__(self, outer: Iterable[Patterns]) -> None:
        exclusions = [exclusion for each in outer for exclusion in each.exclusions]
        super().__init__(("*", "_*"), setting="", outer_exclusions=exclusions)

    def asks_for(self, name: str) -> bool:  # noqa: ARG002 - all of them are
        """Return True: the application has named each of these variables."""
        return True

    def names_exactly(self, name: str) -> bool:  # noqa: ARG002 - as above
        """Return True: the application has named each of these variables."""
        return True
