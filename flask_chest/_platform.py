"""Refuse a platform that Flask-Chest does not support, before anything else is imported."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

if os.name != "posix" or not hasattr(os, "register_at_fork") or find_spec("fcntl") is None:
    raise ImportError(
        "Flask-Chest runs on POSIX systems, which are Linux and macOS; on Windows, in WSL (the "
        f"Windows Subsystem for Linux). It does not run on this platform, {sys.platform!r}",
        name="flask_chest",
    )
