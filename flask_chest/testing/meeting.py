"""What exports at the same time, in the middle of another export."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Final, Protocol

from flask_chest.testing.forked import Child


class Other(Protocol):
    """Delivers when it is told to, once."""

    @property
    def kind(self) -> str:
        """What it is, for messages."""

    def go(self, patience_seconds: float) -> bool:
        """Let it begin. Return whether it ends in that time, for it may wait for a lock."""

    def end(self) -> str:
        """Wait for its end. Return why it could not deliver; empty when it could."""


class OtherProcess:
    """Delivers in another process, which is forked now."""

    kind: Final = "process"

    def __init__(self, deliver: Callable[[], str]) -> None:
        start, self._start = os.pipe()
        self._done, done = os.pipe()

        def run(_: object) -> dict[str, str]:
            os.read(start, 1)
            fault = deliver()
            os.write(done, b".")
            return {"fault": fault}

        self._child = Child(run)
        os.close(start)
        os.close(done)
        self._has_begun = False

    def go(self, patience_seconds: float) -> bool:
        """See `Other.go`."""
        self._has_begun = True
        os.write(self._start, b".")
        return bool(select.select([self._done], [], [], patience_seconds)[0])

    def end(self) -> str:
        """See `Other.end`."""
        if not self._has_begun:
            self.go(0.0)
        fault: str = (self._child.wait() or {}).get("fault", "")
        return fault


class OtherThread:
    """Delivers in another thread of this process, as in place of one that has been abandoned."""

    kind: Final = "thread"

    def __init__(self, deliver: Callable[[], str]) -> None:
        self._deliver = deliver
        self._fault = "it has not ended"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def go(self, patience_seconds: float) -> bool:
        """See `Other.go`."""
        self._thread.start()
        self._thread.join(patience_seconds)
        return not self._thread.is_alive()

    def end(self) -> str:
        """See `Other.end`."""
        if self._thread.ident is None:
            self.go(0.0)
        self._thread.join()
        return self._fault

    def _run(self) -> None:
        self._fault = self._deliver()
