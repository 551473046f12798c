"""Random numbers that are not those of the application."""

from __future__ import annotations

import random
from typing import Final

chance: Final = random.SystemRandom()
"""Of the operating system, for pauses.

`random.seed` in the application must not make them equal in all processes, and numbers that we took
must not be missing from those of the application.
"""
