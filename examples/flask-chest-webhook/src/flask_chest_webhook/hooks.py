"""Announce the exporter: the entry point."""

from flask_chest import Exporter, hookimpl
from flask_chest_webhook.exporter import WebhookExporter


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    return [WebhookExporter]
