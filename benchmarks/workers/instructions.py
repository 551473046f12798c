"""Measured by `benchmarks.instructions`: a process that serves requests under callgrind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.peers import apps
from benchmarks.shared.wsgi import server

REQUESTS: Final = 200


def main(variant: str, folder: Path) -> None:
    """Serve requests to warm up, serve as many that are counted, and end the process."""
    watched: apps.Watched = getattr(apps, variant)(folder)
    requests = server(watched.app)
    requests(REQUESTS)
    time.sleep(3.0)  # threads of a peer may still import modules, and trigger garbage collection
    gc.collect()
    control = ["callgrind_control", "--instr=on", str(os.getpid())]
    subprocess.run(control, check=True, stdout=subprocess.DEVNULL)
    requests(REQUESTS)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
