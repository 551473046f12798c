"""CPU time and memory of a process, from /proc."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_seconds(process: int | None) -> float:
    """Return the CPU time of a process and its descendants so far; 0.0 when it is unknown.

    See proc_pid_stat(5).
    """
    if process is None or not Path("/proc/self/stat").exists():
        return 0.0
    folder = Path(f"/proc/{process}")
    try:
        fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
        children = [
            int(child)
            for task in (folder / "task").iterdir()
            for child in (task / "children").read_text("utf-8").split()
        ]
    except OSError:  # it has ended
        return 0.0
    ticks = sum(map(int, fields[11:15]))  # its own, and those of children that have ended
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(cpu_seconds, children))


def rss_mib() -> float:
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2
