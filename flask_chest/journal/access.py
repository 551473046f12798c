"""Whether this process may use a journal: whose it is, and who else uses it."""

from __future__ import annotations

import contextlib
import errno
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from flask_chest.errors import ConfigurationError, ended
from flask_chest.journal.folder import FolderRefused
from flask_chest.journal.in_use import InUse, OtherExporters
from flask_chest.runtime.command import is_reloaded

if TYPE_CHECKING:
    from flask_chest.journal.layout import Layout
    from flask_chest.runtime.log import Throttle

Opens: TypeAlias = Literal["in_use", "folders", "nothing"]
"""What happens on the disk before the first use: the folders are made; the exporters are in use.

A command that serves nobody has none in use before its first record, and `flask chest` does not
even make the folders.
"""

WAIT_SECONDS: Final = 10.0
"""How long a new process waits for processes with other exporters to end, as in a restart."""

GUNICORN_SECONDS: Final = 35.0
"""The same under Gunicorn, which gives old workers 30 seconds to end, by its `graceful_timeout`.

It stops as a whole when a new one cannot load the application; one that takes long it starts anew.
"""

_COMMAND_SECONDS: Final = 1.0
_TOUCH_SECONDS: Final = 60.0


class Access:
    """The access of this process to a journal.

    Args:
        layout: The journal's folders.
        exporters: Names of all configured exporters.
        destinations: Where each of them delivers, without secrets.
    """

    def __init__(
        self,
        layout: Layout,
        exporters: Iterable[str],
        destinations: Mapping[str, str],
        throttle: Throttle,
    ) -> None:
        self._layout = layout
        self._in_use = InUse(
            layout.cursors, {name: destinations.get(name, "") for name in exporters}
        )
        self._throttle = throttle
        self._refusal: OtherExporters | None = None
        self._touch_at = 0.0

    def open(self, opens: Opens) -> None:
        """Do what is to be done before the first use.

        Raises:
            ConfigurationError: The folder cannot be written or trusted, its files cannot be locked,
                or a process with other exporters uses it.
        """
        if opens == "nothing":
            return
        with self._explained():
            self._layout.make()
            self._layout.probe(writes=False)
            if opens == "in_use":
                is_gunicorn = "gunicorn.arbiter" in sys.modules
                self._take(GUNICORN_SECONDS if is_gunicorn else WAIT_SECONDS)

    def claim(self) -> None:
        """Find out, in a command, whether the journal may be read and delivered.

        A command makes no journal where there is none: nothing waits there.

        Raises:
            ConfigurationError: It cannot be trusted, or a process with other exporters uses it.
        """
        with self._explained():
            if self._layout.is_there():
                self._layout.make()
                self._take(_COMMAND_SECONDS)

    def start(self) -> None:
        """Have the exporters in use, from the first record or delivery of the process on.

        Raises:
            OtherExporters: A process with other exporters uses the journal.
        """
        with self._reported():
            self._take(0.0)

    def check(self) -> None:
        """Find out whether records may be written.

        Raises:
            OSError: They may not: another application would deliver them.
        """
        if self._refusal is not None:
            raise OSError(errno.EPERM, str(self._refusal))

    def keep(self, *, is_active: bool) -> None:
        """Notice, once a second, what was deleted or moved. Never raises.

        Args:
            is_active: Whether something was recorded meanwhile.
        """
        self._layout.refresh()
        with self._reported():
            self._in_use.hold()
            if is_active or time.monotonic() >= self._touch_at:  # an idle disk may sleep
                self._in_use.touch()
                self._touch_at = time.monotonic() + _TOUCH_SECONDS

    def close(self) -> None:
        """Give all back. In a forked child, the parent keeps it."""
        self._in_use.release()
        self._layout.close()

    def _take(self, wait_seconds: float) -> None:
        try:
            self._in_use.take(0.0 if is_reloaded() else wait_seconds)
        except OtherExporters as error:
            if not is_reloaded():
                self._refusal = error
                raise
            # The other one watches the files, and has the settings with which it began.
            self._in_use.hold()
            self._throttle.log(logging.WARNING, "in-use", f"{ended(error)} Start the server again")
        self._refusal = None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn an error of the block into one that names the setting and the remedy."""
        at = f"CHEST_JOURNAL={str(self._layout.path)!r}"
        try:
            yield
        except FolderRefused as error:
            raise ConfigurationError(
                f"{at} cannot be used: {error.strerror}", setting="CHEST_JOURNAL"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"{at} cannot be written: {error.strerror}. Give a folder that this user may "
                "write, on a local disk, or 'memory' where there is none",
                setting="CHEST_JOURNAL",
            ) from error

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            pass  # the folder was deleted, and is made again when it is needed
        except OSError as error:
            self._throttle.log(
                logging.ERROR,
                "in-use",
                "Others may delete records that our exporters wait for: the journal in "
                f"{self._layout.path} cannot be used: {error}",
                error,
            )
