"""A journal's folder that becomes unusable, and is there again."""

from __future__ import annotations

import contextlib


@contextlib.contextmanager
def unusable(folder):
    """Have a file in the place of a folder, which is moved away."""
    away = folder.with_name("away")
    folder.rename(away)
    folder.write_text("")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)
