"""`Keeper`: which of several hosts keeps the rollups of a database up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask_chest.rollup.storage import Overtaken

if TYPE_CHECKING:
    from flask_chest.rollup.state import State
    from flask_chest.rollup.storage import RollupStorage

KEEPER_SECONDS: Final = 180
"""A keeper that writes nothing for so long is replaced by another host."""


class Keeper:
    """The claim of one host to keep the rollups of a database up.

    Fifty hosts with one database would all read the same records otherwise, the more of them at
    once the longer it takes. The claim saves work and protects nothing: whoever computes without
    one does no harm.

    Args:
        storage: The rollups.
        name: The name of the host.
        now: Returns the present in Unix seconds.
    """

    def __init__(
        self, storage: RollupStorage, name: str, now: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._name = name
        self._now = now

    def claim(self) -> bool:
        """Return whether this host is to do the work now, and let the others leave it to it.

        Raises:
            ExporterUnavailable: The database cannot be read or written now.
        """
        found = self._storage.state()
        if found is None or self._is_others(found):
            return False
        if found.keeper == self._name and found.kept_until > self._now() + KEEPER_SECONDS / 2:
            return True
        try:
            with self._storage.changing() as change:
                if not self._is_others(change.state):
                    self.renew(change.state)
        except Overtaken:
            return False
        return change.state.keeper == self._name

    def renew(self, state: State) -> None:
        """Claim the work for some more time, in a change of the rollups."""
        state.keeper = self._name
        state.kept_until = int(self._now()) + KEEPER_SECONDS

    def _is_others(self, state: State) -> bool:
        # A host whose clock is ahead may have written it. Nobody waits longer than for a claim.
        is_claimed = self._now() < state.kept_until <= self._now() + KEEPER_SECONDS
        return is_claimed and state.keeper != self._name
