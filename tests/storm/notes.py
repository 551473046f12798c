"""A pipe through which the processes send what no client can see to the storm."""

from __future__ import annotations

import json
import os
import threading
import time

VARIABLE = "STORM_NOTES"
"""Environment variable with the number of the pipe's descriptor."""


def send(note):
    """Send a note, in one write of less than PIPE_BUF bytes, which is atomic."""
    if VARIABLE in os.environ:
        line = json.dumps({**note, "pid": os.getpid(), "at": time.time()}).encode() + b"\n"
        os.write(int(os.environ[VARIABLE]), line)


class Notes:
    """Receives the notes.

    Attributes:
        dropped: Request ID, process and time of each record that was counted as dropped.
        counters: Counters of each process that ended regularly.
    """

    def __init__(self):
        self.dropped = []
        self.counters = []
        self._read, self.descriptor = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="storm-notes")
        self._thread.start()

    def _listen(self):
        with os.fdopen(self._read, "rb") as lines:
            for line in lines:
                note = json.loads(line)
                if "dropped" in note:
                    self.dropped.append((note["dropped"], note["pid"], note["at"]))
                else:
                    self.counters.append(note)

    def close(self):
        """Read to the end, which comes when all writers have ended."""
        if self._thread.is_alive():
            os.close(self.descriptor)
            self._thread.join()
