"""Helpers and contracts for tests of applications, exporters and stores. Needs pytest.

`collect` collects the records of an application in a `with` block. The fixture `chest_records` of
`flask_chest.testing.fixtures` does so until the end of a test. `RecordingExporter` keeps the
records that are delivered to it.

A contract is a class of tests. A test class of an exporter derives from the contracts that the
exporter must fulfil, and defines the fixture `backend`::

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

try:
    import pytest
except ModuleNotFoundError as error:
    if error.name != "pytest":
        raise
    raise ModuleNotFoundError(
        "flask_chest.testing needs pytest: pip install 'flask-chest[testing]'", name="pytest"
    ) from None

pytest.register_assert_rewrite(
    "flask_chest.testing.erase_contract",
    "flask_chest.testing.exporter_contract",
    "flask_chest.testing.interruption_contract",
    "flask_chest.testing.page_contract",
    "flask_chest.testing.query_contract",
    "flask_chest.testing.read_contract",
    "flask_chest.testing.round_trip_contract",
    "flask_chest.testing.schema_contract",
    "flask_chest.testing.server_contract",
    "flask_chest.testing.store_contract",
)

from flask_chest.testing.backend import Backend, StoreBackend  # noqa: E402 - asserts are rewritten at import
from flask_chest.testing.collect import collect  # noqa: E402
from flask_chest.testing.collector import Collector  # noqa: E402
from flask_chest.testing.exporter_contract import ExporterContract  # noqa: E402
from flask_chest.testing.recording import RecordingExporter  # noqa: E402
from flask_chest.testing.records import make_batch, make_record  # noqa: E402
from flask_chest.testing.relay import Relay  # noqa: E402
from flask_chest.testing.schema_contract import SchemaContract  # noqa: E402
from flask_chest.testing.server_contract import ServerContract  # noqa: E402
from flask_chest.testing.store_contract import AnyStoreContract, StoreContract  # noqa: E402

__all__ = [
    "AnyStoreContract",
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
