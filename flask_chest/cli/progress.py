"""How far a long command is: a line on a terminal's stderr, and nothing anywhere else."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Final

from typing_extensions import Self

from flask_chest.cli.streams import is_terminal, write

_BETWEEN_SECONDS: Final = 0.1
_BAR: Final = 20
_MIN_SECONDS: Final = 0.5
"""Before this, a rate is a guess."""


class Progress:
    """Counts what is done, and shows it with the rate and the time left.

    In its block, the first Ctrl-C ends the command after the step that it is at, and a second one
    at once. Either way it raises `KeyboardInterrupt`.

    Args:
        label: What is done, such as ``purge``.
        total: How many there are; None when nobody knows.
        unit: What is counted.
    """

    def __init__(self, label: str, total: int | None = None, unit: str = "records") -> None:
        self._label = label
        self._total = total
        self._unit = unit
        self.done = 0
        self._began = time.monotonic()
        self._drawn_at = 0.0
        self._width = 0
        self.is_shown = is_terminal(sys.stderr)
        self._is_interrupted = False
        self._handler: Any = None

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        # A job in the background ignores it, and so must we.
        is_python = signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.SIG_DFL, None)
        if is_python and threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        self._draw(is_last=True)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_interrupted:
            raise KeyboardInterrupt
        self._is_interrupted = True
        if self.is_shown:
            self._clear()
            write("Ends after this step. Ctrl-C once more ends it at once", err=True)

    def add(self, number: int) -> None:
        """Count what one step did.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        self.set(self.done + number)

    def set(self, done: int) -> None:
        """Say how much is done by now.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        self.done = max(done, 0)
        if self._is_interrupted:
            raise KeyboardInterrupt
        if self.is_shown and time.monotonic() - self._drawn_at >= _BETWEEN_SECONDS:
            self._draw()

    def _draw(self, *, is_last: bool = False) -> None:
        if not self.is_shown:
            return
        self._drawn_at = time.monotonic()
        columns = shutil.get_terminal_size().columns
        text = self.line()
        if len(text) >= columns:  # a bar that is cut would look like a full one
            text = self.line(has_bar=False)[: max(columns - 1, 1)]
        self._write(f"\r{text.ljust(self._width)}" + ("\n" if is_last else ""))
        self._width = len(text)

    def _clear(self) -> None:
        self._write(f"\r{' ' * self._width}\r")

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:  # the terminal is gone
            self.is_shown = False

    def line(self, *, has_bar: bool = True) -> str:
        """Return the line that is shown, of which the bar may be left out."""
        seconds = time.monotonic() - self._began
        rate = self.done / seconds if seconds >= _MIN_SECONDS else None
        parts = [self._label]
        if self._total is None:
            parts.append(f"{self.done:,} {self._unit}")
        else:
            share = min(self.done / self._total, 1.0) if self._total else 1.0
            filled = int(share * _BAR)
            bar = f"[{'#' * filled}{'-' * (_BAR - filled)}] " if has_bar else ""
            parts.append(f"{bar}{share:4.0%}")
            parts.append(f"{self.done:,} of {self._total:,} {self._unit}")
        if rate:
            parts.append(f"{rate:,.0f}/s")
            if self._total is not None and self.done < self._total:
                parts.append(f"{clock((self._total - self.done) / rate)} left")
        return "  ".join(parts)


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
