"""Plans the troubles: one lane for each part of the system, all lanes at once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

_ROUND_SECONDS = 60
_MARGIN_SECONDS = 300.0
START_SECONDS = 180.0


@dataclass(frozen=True)
class Trouble:
    """A trouble that happened and ended."""

    lane: str
    kind: str
    began: float
    ended: float

    @property
    def seconds(self):
        return self.ended - self.began


def plan(kinds, seconds, random):
    """Return the troubles of a lane: start in seconds, kind, length in seconds.

    Each kind happens at least once, and once more in each further minute. Only the order, the start
    and the length are random.
    """
    rounds = max(1, round(seconds / _ROUND_SECONDS))
    order = []
    for _ in range(rounds):
        order += random.sample(kinds, len(kinds))
    slot = seconds / len(order)
    return [
        (
            number * slot + random.uniform(0, slot / 4),
            kind,
            min(random.uniform(1.5, 5.0), slot / 2),
        )
        for number, kind in enumerate(order)
    ]


class Lane(threading.Thread):
    """Runs a part of the system, and causes its troubles.

    The thread lives as long as the part: the kernel ends the servers that it started when the
    thread ends.

    Args:
        part: A context manager with `name`.
        events: From `plan`.
        act: Called with a kind, a length in seconds, and a function that waits that long, or
            until the storm ends.
        seconds: Length of the storm. After it, what lags behind is made up for by one trouble of
            each kind that has not happened, and the rest is left out.
    """

    def __init__(self, name, part, events, act, seconds):
        super().__init__(name=f"storm-{name}")
        self.lane = name
        self.part = part
        self.troubles = []
        self.error = None
        self.events = events
        self.left_out = 0
        self._act = act
        self._seconds = seconds
        self._ready = threading.Event()
        self._go = threading.Event()
        self._done = threading.Event()
        self._mended = threading.Event()
        self._release = threading.Event()

    # -- From the main thread ------------------------------------------------------------------

    def await_ready(self):
        """Wait until the part runs."""
        self._await(self._ready, START_SECONDS)

    def go(self):
        """Start the troubles."""
        self._go.set()

    def await_done(self, seconds):
        """Wait until the last trouble has ended."""
        self._await(self._done, seconds + _MARGIN_SECONDS)

    def _await(self, event, seconds):
        if not event.wait(seconds):
            raise TimeoutError(f"the lane {self.lane} takes more than {seconds:g} seconds")
        if self.error is not None:
            raise RuntimeError(f"the lane {self.lane} has failed") from self.error

    def end(self):
        """End the current trouble, and end the part."""
        for event in (self._mended, self._go, self._release):
            event.set()
        self.join()

    # -- In the thread -------------------------------------------------------------------------

    def run(self):
        try:
            with self.part:
                self._ready.set()
                self._go.wait()
                self._make_troubles()
                self._done.set()
                self._release.wait()
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.error = error
        finally:
            self._ready.set()
            self._done.set()

    def _make_troubles(self):
        start = time.monotonic()
        for at, kind, seconds in self.events:
            if self._mended.wait(max(start + at - time.monotonic(), 0)):
                return
            is_late = time.monotonic() > start + self._seconds
            if is_late and any(trouble.kind == kind for trouble in self.troubles):
                self.left_out += 1
                continue
            began = time.time()
            self._act(kind, seconds, self._mended.wait)
            self.troubles.append(Trouble(self.lane, kind, began, time.time()))
