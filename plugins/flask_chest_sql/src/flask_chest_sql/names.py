"""What tells our tables from others."""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1
"""Raised by every change to the tables that an older Flask-Chest could not write into."""

PREFIX: Final = "chest_"
"""What the names of the tables, the view and the indexes begin with, unless configured."""
