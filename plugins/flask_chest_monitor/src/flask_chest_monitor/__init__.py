"""Probes, health and Prometheus metrics for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.deferred import lazy_attributes
from flask_chest_monitor.config import MonitorSettings

if TYPE_CHECKING:
    from flask_chest_monitor.collector import ChestCollector

__all__ = ["ChestCollector", "MonitorSettings"]

__getattr__ = lazy_attributes(__name__, ChestCollector="collector")  # imports prometheus_client
