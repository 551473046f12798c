"""The entry point: announces the exporter."""

from flask_chest import hookimpl
from flask_chest.exporter import Exporter
from flask_chest_webhook.exporter import WebhookExporter


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    return [WebhookExporter]
