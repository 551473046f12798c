"""Exporter of Flask-Chest that sends records to any OpenTelemetry collector."""

from __future__ import annotations

from flask_chest_otlp.config import OtlpConfig
from flask_chest_otlp.exporter import OtlpExporter

__all__ = ["OtlpConfig", "OtlpExporter"]
