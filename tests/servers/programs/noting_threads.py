"""An application that appends the name of each thread that starts to the file `threads`."""

import threading
from pathlib import Path


class NotedThread(threading.Thread):
    def start(self):
        with Path("threads").open("a") as file:
            file.write(f"{self.name}\n")
        super().start()


threading.Thread = NotedThread

from tracked import app  # noqa: E402 - its threads are to be noted

__all__ = ["app"]
