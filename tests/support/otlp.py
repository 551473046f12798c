"""The receiver of OTLP as a backend of the contracts."""

from __future__ import annotations

from flask_chest_otlp import OtlpExporter

from flask_chest.testing import Backend


class Otlp(Backend):
    exporter = OtlpExporter

    def __init__(self, receiver):
        self.receiver = receiver
        self.config = {"url": receiver.url}

    def ids(self):
        return self.receiver.ids()

    @property
    def address(self):
        return "127.0.0.1", self.receiver.server_port

    def at(self, host, port):
        return {"url": f"http://{host}:{port}"}
