"""Copies one SQLite file to another, and is killed where the arguments say.

``copying.py SOURCE TARGET BOOKMARK before|after PAGE``
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from flask_chest_sqlite import SqliteStore

from flask_chest.upkeep.copying import copy


class Doomed(SqliteStore):
    """Dies by SIGKILL in its n-th export, before or after it has committed."""

    def export(self, batch):
        self.left -= 1
        if self.left == 0 and self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().export(batch)
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def opened(kind, path):
    store = kind(kind.config_model.model_validate({"path": path}))
    store.open()
    return store


source, target, bookmark, when, page = sys.argv[1:]
doomed = opened(Doomed, target)
doomed.left, doomed.when = int(page), when
copy(opened(SqliteStore, source), doomed, resume=Path(bookmark))
