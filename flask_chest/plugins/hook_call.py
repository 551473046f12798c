"""Call one plugin's implementation of one hook, with a record of its faults and its times."""

from __future__ import annotations

import itertools
import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask_chest.runtime.counters import HookTime
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    import pluggy
    from pydantic import BaseModel

    from flask_chest.plugins.discovery import PluginInfo
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

REQUEST_SAMPLE: Final = 61
"""In requests, one call in this many is timed. A prime, to avoid aliasing with periodic traffic."""

REQUEST_SLOW_MS: Final = 50.0
"""A timed call in a request that takes longer is logged."""

_SETTINGS: Final = "settings"

EXPORT_SLOW_MS: Final = 1_000.0
"""A call in an exporter's thread that takes longer is logged. All of these calls are timed."""


class HookCall:
    """One plugin's implementation of one hook.

    Args:
        hook: The hook's name.
        parameters: Names of the hook's parameters, in the order of its specification. The caller
            has a value for each but `settings`.
        implementation: May leave parameters out, or take them in another order.
        plugin: The plugin that implements the hook.
        settings: Returns the settings of the plugin; None without any.
        in_request: Whether requests call it. Then only one of 61 calls is timed.
        counters: Counts errors.
        throttle: Logs errors and slow calls.
    """

    def __init__(
        self,
        hook: str,
        parameters: Sequence[str],
        implementation: pluggy.HookImpl,
        plugin: PluginInfo,
        settings: Callable[[], BaseModel | None],
        *,
        in_request: bool,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self.hook = hook
        self.plugin = plugin
        self.key = f"{plugin.name}: {hook}"
        given = [name for name in parameters if name != _SETTINGS]
        self._function = taking_all(given, implementation, settings)
        self._package = _top_level_package(implementation.function)
        self._sample = REQUEST_SAMPLE if in_request else 1
        self._slow_ms = REQUEST_SLOW_MS if in_request else EXPORT_SLOW_MS
        self._counters = counters
        self._throttle = throttle
        self._numbers = itertools.count()
        self._times = _Times()

    def after_fork(self) -> None:
        """Reset the measured times in a forked child."""
        self._times = _Times()

    def __call__(self, *values: object) -> object:
        """Call the implementation with the values of all parameters of the hook.

        Raises:
            Exception: What the implementation raises. The caller passes it to `failed`.
        """
        if next(self._numbers) % self._sample:
            return self._function(*values)
        started = time.perf_counter()
        try:
            return self._function(*values)
        finally:
            self._note((time.perf_counter() - started) * 1e3)

    def _note(self, taken_ms: float) -> None:
        self._times.add(taken_ms)
        if taken_ms > self._slow_ms:
            self._throttle.log(
                logging.WARNING,
                f"slow {self.key}",
                f"The {self.plugin} is slow: a call of {self.hook} took {taken_ms:.0f} ms. "
                "chest.stats().hook_times has the times of all plugins",
            )

    def time(self) -> HookTime | None:
        """Return the measured times in this process; None when no call was timed."""
        return self._times.read()

    def failed(self, error: BaseException) -> None:
        """Count and log an error of the implementation.

        The error's text may hold a value of the request, such as ``KeyError('4111 1111 1111')``.
        So only its class and place are logged, and at level DEBUG the stack without error texts.
        """
        self._counters.add("plugin_errors", self.key)
        message = (
            f"The {self.plugin} failed in {self.hook}: {type(error).__name__} at "
            f"{self._place(error)}"
        )
        if logger.isEnabledFor(logging.DEBUG):
            message += "\n" + "".join(traceback.format_tb(error.__traceback__)).rstrip()
        self._throttle.log(logging.ERROR, f"plugin {self.key}", message)

    def misused(self, what: str) -> None:
        """Count and log what the implementation does and must not do."""
        self._counters.add("plugin_errors", self.key)
        message = f"The {self.plugin} has a wrong {self.hook}: it {what}"
        self._throttle.log(logging.ERROR, f"plugin {self.key}", message)

    def _place(self, error: BaseException) -> str:
        """Return the innermost file and line in the plugin's own package, else of all."""
        places = [
            (frame.f_globals.get("__name__") or "", f"{frame.f_code.co_filename}:{line}")
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        own = [place for module, place in places if module.partition(".")[0] == self._package]
        return (own or [place for _, place in places])[-1]


class _Times:
    """Number, mean and maximum of the measured times. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._total_ms = 0.0
        self._max_ms = 0.0

    def add(self, taken_ms: float) -> None:
        with self._lock:
            self._number += 1
            self._total_ms += taken_ms
            self._max_ms = max(self._max_ms, taken_ms)

    def read(self) -> HookTime | None:
        with self._lock:
            if not self._number:
                return None
            return HookTime(self._number, self._total_ms / self._number, self._max_ms)


def taking_all(
    parameters: Sequence[str],
    implementation: pluggy.HookImpl,
    settings: Callable[[], BaseModel | None] | None = None,
) -> Callable[..., Any]:
    """Return the implementation as a function of these parameters of the hook, in their order.

    Args:
        parameters: Those that the caller has a value for.
        implementation: May leave parameters out, or take them in another order.
        settings: Returns the value of one more parameter, `settings`.
    """
    function: Callable[..., Any] = implementation.function
    if tuple(implementation.argnames) == tuple(parameters):
        return function
    if settings is not None and _SETTINGS in implementation.argnames:
        whole = taking_all([*parameters, _SETTINGS], implementation)
        return lambda *values: whole(*values, settings())
    places = [parameters.index(name) for name in implementation.argnames]
    return lambda *values: function(*[values[place] for place in places])


def _top_level_package(function: object) -> str:
    return (getattr(function, "__module__", None) or "").partition(".")[0]
