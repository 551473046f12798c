"""What /proc says about processes: descendants, threads and locked files."""

from __future__ import annotations

import contextlib
from pathlib import Path


def children(pid):
    """Return the process IDs of all descendants of a process."""
    found = []
    for task in listed(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):  # it has just ended
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text("ascii").split():
                found += [int(child), *children(child)]
    return found


def threads_of(pid):
    return len(listed(f"/proc/{pid}/task"))


def locked_by(pid, folder):
    """Return the names of the files in a folder on which a process has an exclusive lock."""
    held = []
    for descriptor in listed(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):  # it has just been closed
            target = Path(f"/proc/{pid}/fd/{descriptor}").readlink()
            about = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text("ascii")
            if folder in target.parents and "FLOCK" in about:
                held.append(target.name)
    return held


def listed(folder):
    """Return the names in a folder of /proc; none when the process has just ended."""
    with contextlib.suppress(OSError):
        return [each.name for each in Path(folder).iterdir()]
    return []
