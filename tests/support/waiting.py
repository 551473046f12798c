"""Waiting for what another thread, process or server does."""

from __future__ import annotations

import threading
import time


def until(condition, seconds=90.0):
    """Wait for a condition; return what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
    return result


def in_thread(call):
    """Start a call in a thread; return a function that waits for it and returns its error."""
    errors = []

    def run():
        try:
            call()
        except Exception as error:  # noqa: BLE001 - returned
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def wait():
        thread.join()
        return errors[0] if errors else None

    return wait
