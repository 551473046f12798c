"""Tests for applications, exporters and stores, yours too. Needs pytest.

`collect` takes the records of an application under test, which the fixture `chest_records` of
`flask_chest.testing.fixtures` does for the length of a test. `RecordingExporter` keeps what is
delivered.

A test class takes the contracts that its exporter has to keep, and says where the exporter is to
write::

    from flask_chest.testing import Backend, ExporterContract


    class Webhook(Backend):
        exporter = WebhookExporter

        def __init__(self, server):
            self.server = server
            self.config = {"url": server.url}

        def ids(self):
            return [record["id"] for record in self.server.received]


    class TestWebhook(ExporterContract):
        @pytest.fixture
        def backend(self, server):
            return Webhook(server)
"""

import pytest

pytest.register_assert_rewrite(
    "flask_chest.testing.exporter_contract",
    "flask_chest.testing.server_contract",
    "flask_chest.testing.store_contract",
    "flask_chest.testing.schema_contract",
)

from flask_chest.testing.backend import Backend, StoreBackend  # noqa: E402 - asserts come first
from flask_chest.testing.collect import collect  # noqa: E402
from flask_chest.testing.collector import Collector  # noqa: E402
from flask_chest.testing.exporter_contract import ExporterContract  # noqa: E402
from flask_chest.testing.recording import RecordingExporter  # noqa: E402
from flask_chest.testing.records import make_batch, make_record  # noqa: E402
from flask_chest.testing.relay import Relay  # noqa: E402
from flask_chest.testing.schema_contract import SchemaContract  # noqa: E402
from flask_chest.testing.server_contract import ServerContract  # noqa: E402
from flask_chest.testing.store_contract import StoreContract  # noqa: E402

__all__ = [
    "Backend",
    "Collector",
    "ExporterContract",
    "RecordingExporter",
    "Relay",
    "SchemaContract",
    "ServerContract",
    "StoreBackend",
    "StoreContract",
    "collect",
    "make_batch",
    "make_record",
]
