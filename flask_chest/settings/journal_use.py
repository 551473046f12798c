"""Keep two applications with different exporters from reading one journal in one process."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from flask_chest.errors import ConfigurationError


class JournalUse:
    """The use that one application makes of a journal, from `begin` until `end`.

    It also ends when the application is collected.

    Args:
        folder: Of the journal; None for one in memory, which belongs to one application anyway.
        exporters: CHEST_EXPORTERS of the application.
    """

    def __init__(self, folder: Path | None, exporters: Mapping[str, object]) -> None:
        self.folder = folder
        self.exporters = exporters
        self.has_begun = False

    def check(self) -> None:
        """Find out whether another application with other exporters uses the journal.

        Raises:
            ConfigurationError: One does. Each would deliver a part of the other's records.
        """
        if not self._is_taken():
            return
        gc.collect()  # a discarded application may still exist, as part of a reference cycle
        if self._is_taken():
            raise ConfigurationError(
                f"CHEST_JOURNAL={str(self.folder)!r} is the journal of another application in "
                "this process, which has other exporters. Give each application a journal of its "
                "own, or end the other one first with the close() of its FlaskChest",
                setting="CHEST_JOURNAL",
            )

    def begin(self) -> None:
        """Use the journal from now on.

        Raises:
            ConfigurationError: As `check` does.
        """
        self.check()
        _uses.add(self)
        self.has_begun = True

    def end(self) -> None:
        """Use it no longer, so that another application may."""
        self.has_begun = False
        _uses.discard(self)

    def _is_taken(self) -> bool:
        return self.folder is not None and any(
            use is not self and use.folder == self.folder and use.exporters != self.exporters
            for use in list(_uses)
        )


_uses: Final[weakref.WeakSet[JournalUse]] = weakref.WeakSet()
