"""Send the signals of one application, each once for each fault."""

from __future__ import annotations

import inspect
import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flask_chest import signals
from flask_chest.runtime import fork
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from blinker import NamedSignal

    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

QUIET_SECONDS: Final = 60.0
"""So long after the last drop, the drops are over."""

_Drops: TypeAlias = "Counter[tuple[str, str]]"
"""Number of dropped records by exporter (``""`` for all of them) and reason."""


class Announcer:
    """Knows which faults are going on in this process, and announces their beginning and end.

    Its methods call the receivers, so they are called in an exporter's thread, where the
    supervisor sees one that hangs. They never raise.

    Args:
        app: Returns the application; None when it was collected.
        name: Its name, which is the sender then.
        exporters: Names of all exporters.
        counters: Counts what receivers raise, and knows what was dropped.
        throttle: Logs what receivers raise.
    """

    def __init__(
        self,
        app: Callable[[], object],
        name: str,
        exporters: Collection[str],
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._app = app
        self._name = name
        self._exporters = exporters
        self._counters = counters
        self._throttle = throttle
        self.after_fork()
        fork.watch(self)

    def after_fork(self) -> None:
        """Begin anew: the faults of the parent are announced by the parent."""
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._failing_since: dict[str, float] = {}
        self._seen: _Drops = Counter()
        self._dropped: _Drops = Counter()  # since the drops began
        self._drops_began: float | None = None
        self._last_drop = 0.0

    def failing(self, exporter: str, error: Exception) -> None:
        """Send `exporter_failing`, unless it was sent since the last success."""
        with self._lock:
            if exporter in self._failing_since:
                return
            self._failing_since[exporter] = time.monotonic()
        self._send(signals.exporter_failing, exporter=exporter, error=error)

    def recovered(self, exporter: str) -> None:
        """Send `exporter_recovered`, if `exporter_failing` was sent before."""
        with self._lock:
            since = self._failing_since.pop(exporter, None)
        if since is not None:
            seconds = time.monotonic() - since
            self._send(signals.exporter_recovered, exporter=exporter, seconds=seconds)

    def look_for_drops(self) -> None:
        """Send `records_dropped` or `drops_ended` when it is time. Called every few seconds."""
        with self._lock:
            now, counted = time.monotonic(), self._counted()
            new, self._seen = counted - self._seen, counted
            if new:
                self._last_drop = now
                self._dropped += new
                if self._drops_began is not None:
                    return
                self._drops_began = now
                signal, more = signals.records_dropped, {}
                drops = new
            else:
                began = self._drops_began
                if began is None or now - self._last_drop < QUIET_SECONDS:
                    return
                signal, more = signals.drops_ended, {"seconds": self._last_drop - began}
                drops, self._dropped, self._drops_began = self._dropped, Counter(), None
        self._send(
            signal,
            dropped=_by_reason(drops, ""),
            exporters={
                name: found for name in self._exporters if (found := _by_reason(drops, name))
            },
            **more,
        )

    def _counted(self) -> _Drops:
        found: _Drops = Counter()
        for name in ("", *self._exporters):
            kind = f"dropped {name}" if name else "dropped"
            for reason, number in self._counters.by_reason(kind).items():
                found[name, reason] = number
        return found

    def _send(self, signal: NamedSignal, **values: Any) -> None:  # noqa: ANN401 - of any signal
        """Call every receiver, whatever another one raises. `signal.send` would stop there."""
        if signal.is_muted or not signal.receivers:
            return
        app = self._app()
        sender = self._name if app is None else app
        for receiver in list(signal.receivers_for(sender)):
            try:
                answer = receiver(sender, **values)
                if inspect.iscoroutine(answer):  # of whatever kind of callable
                    answer.close()
                    raise TypeError("nothing awaits a receiver")  # noqa: TRY301 - counted as what it raises itself
            except BaseException as error:  # noqa: BLE001 - SystemExit would repeat the delivery
                self._failed(signal, receiver, error)

    def _failed(self, signal: NamedSignal, receiver: object, error: BaseException) -> None:
        inner = inspect.unwrap(receiver) if callable(receiver) else receiver
        name = (
            f"{getattr(inner, '__module__', type(inner).__module__)}."
            f"{getattr(inner, '__qualname__', type(inner).__qualname__)}"
        )
        self._counters.add("plugin_errors", f"{name}: {signal.name}")
        frames = traceback.extract_tb(error.__traceback__)
        # The text may hold a value of a record, as that of an error of a plugin.
        message = (
            f"The receiver {name} of {signal.name} failed: {type(error).__name__} at "
            f"{frames[-1].filename}:{frames[-1].lineno}"
        )
        if logger.isEnabledFor(logging.DEBUG):
            message += "\n" + "".join(traceback.format_tb(error.__traceback__)).rstrip()
        self._throttle.log(logging.ERROR, f"receiver {name} {signal.name}", message)


def _by_reason(drops: Mapping[tuple[str, str], int], exporter: str) -> dict[str, int]:
    return {reason: number for (name, reason), number in drops.items() if name == exporter}
