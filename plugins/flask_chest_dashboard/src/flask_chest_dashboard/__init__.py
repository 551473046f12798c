"""The dashboard of Flask-Chest."""

from __future__ import annotations

from flask_chest_dashboard.config import DashboardSettings

__all__ = ["DashboardSettings"]
