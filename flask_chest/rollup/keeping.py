"""`maintainer` and `deleting`: what keeps the rollups of an open store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from flask_chest.errors import ConfigurationError
from flask_chest.query.paging import Reader
from flask_chest.rollup.cubes import Cubes
from flask_chest.rollup.declaration import Declaration
from flask_chest.rollup.frozen import purging
from flask_chest.rollup.maintenance import Maintainer

if TYPE_CHECKING:
    from datetime import datetime

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


@contextmanager
def deleting(
    reader: Reader,
    storage: RollupStorage | None,
    before: datetime,
    progress: Callable[[int], None] | None,
    *,
    is_used: bool,
) -> Iterator[None]:
    """Run the block, which deletes records, after their rollups were brought up to date.

    Args:
        reader: The store, which is open.
        storage: Its rollups; None without any.
        before: Records that started earlier are deleted.
        progress: Called after each step, with 0.
        is_used: Whether this store reads them. Otherwise its user may be one who may mark alone.

    Raises:
        ExporterUnavailable: The database cannot be read or written now.
        ConfigurationError: This user may not do it.
    """
    go_on = (lambda: None) if progress is None else (lambda: progress(0))
    with ExitStack() as stack:
        if storage is not None:
            try:
                stack.enter_context(purging(Maintainer(reader, storage, go_on=go_on), before))
            except ConfigurationError:
                if is_used:
                    raise
        yield
