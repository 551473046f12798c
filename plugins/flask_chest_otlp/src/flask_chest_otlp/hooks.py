"""Entry point: announces the exporter `otlp`, which imports urllib3 when it is opened."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.exporter import Exporter
from flask_chest_otlp.exporter import OtlpExporter


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `otlp`."""
    return [OtlpExporter]
