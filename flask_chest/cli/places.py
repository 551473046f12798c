"""A store that is named on the command line: by the name of its exporter, or by its URL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from flask_chest.cli.application import current_state, is_standalone, open_store, refused_missing
from flask_chest.cli.unconfigured import Unconfigured
from flask_chest.exporter import Exporter
from flask_chest.opening import open_store as open_url
from flask_chest.store import Store, another


@contextlib.contextmanager
def source(place: str | None, *, create: bool = False) -> Iterator[Store]:
    """Open a store; close in the end what was opened by its URL.

    Args:
        place: Name of its exporter, or its URL; None for that of CHEST_STORE, or the default.
        create: Whether a database that is not there is created.

    Raises:
        click.ClickException: It is not there.
    """
    if place is None or "://" not in place:
        with refused_missing():
            opened = open_store(place, create=create)
        yield opened  # the application's own, which it closes itself
        return
    with contextlib.closing(open_url(place, create=create)) as store:
        yield store


@contextlib.contextmanager
def target(place: str | None, *, create: bool = True) -> Iterator[Exporter]:
    """Open an exporter of any kind, as `source` does."""
    exporter = None if place is None else current_state().exporters.get(place)
    if exporter is None or isinstance(exporter, (Store, Unconfigured)):
        # That of an application is created, also for a dry run, which compares with what is there.
        is_own = place is None or "://" not in place
        with source(place, create=create or (is_own and not is_standalone())) as store:
            yield store
    else:
        with contextlib.closing(another(exporter)) as opened:
            opened.open()
            yield opened
