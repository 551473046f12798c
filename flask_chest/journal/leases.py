"""The delivery leases of all exporters at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Generic, TypeVar

from flask_chest.errors import DeliveryBusy
from flask_chest.journal.interface import Reader

_POLL_SECONDS: Final = 0.02
_R = TypeVar("_R", bound=Reader)


class Leases(Generic[_R]):
    """Holds, in a `with` block, the leases that it has taken.

    Args:
        everybody: Returns the readers of all exporters, by name. More may come at any time.
        deadline: When to give up, on the monotonic clock, in seconds.
    """

    def __init__(self, everybody: Callable[[], Mapping[str, _R]], deadline: float) -> None:
        self._everybody = everybody
        self._deadline = deadline
        self._stack = contextlib.ExitStack()
        self.readers: dict[str, _R] = {}
        """The readers of the exporters of which the lease is held."""

    def __enter__(self) -> Leases[_R]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.readers.clear()
        self._stack.close()

    def take(self) -> None:
        """Take the leases of all exporters that have come since the last call.

        Raises:
            DeliveryBusy: Somebody delivers to one of them until the deadline.
            OSError: The journal cannot be used.
        """
        everybody = self._everybody()
        # In one order, so that two that take them do not wait for each other.
        for name in sorted(set(everybody).difference(self.readers)):
            self._take(name, everybody[name])
            self.readers[name] = everybody[name]

    def _take(self, name: str, reader: _R) -> None:
        while True:
            with contextlib.ExitStack() as tried:
                if tried.enter_context(reader.lease()):
                    self._stack.push(tried.pop_all())
                    return
            if time.monotonic() >= self._deadline:
                raise DeliveryBusy(
                    f"A delivery to the exporter {name!r} is under way and has not ended in time: "
                    "a long backlog, or a database that does not answer. Try again later, or give "
                    "it longer",
                    exporter=name,
                )
            time.sleep(_POLL_SECONDS)
