"""`maintainer`: what keeps the rollups of an open store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from flask_chest.query.paging import Reader
from flask_chest.rollup.cubes import Cubes
from flask_chest.rollup.declaration import Declaration
from flask_chest.rollup.maintenance import Maintainer

if TYPE_CHECKING:
    from flask_chest.rollup.storage import RollupStorage


class RolledUp(Reader, Protocol):
    """A store, as far as its rollups are concerned."""

    rollups: Declaration | bool

    def rollup_storage(self) -> RollupStorage | None:
        """Return the rollups of the database."""


def maintainer(store: RolledUp, *, go_on: Callable[[], None] = lambda: None) -> Maintainer | None:
    """Return what keeps the rollups of an open store; None when it has none.

    Args:
        store: The store.
        go_on: As for `Maintainer`.
    """
    storage, declared = store.rollup_storage(), store.rollups
    if storage is None:
        return None
    cubes = Cubes.of(declared) if isinstance(declared, Declaration) else None
    return Maintainer(store, storage, cubes, go_on=go_on)
