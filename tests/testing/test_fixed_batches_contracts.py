"""The contracts ask of fixed batches only what they promise: a batch comes again as it was."""

from __future__ import annotations

import pytest
from support import put_exporters
from support.file_exporters import InFile
from support.file_stores import TokenStore
from support.put_exporters import OnServer, PutServer

from flask_chest.testing import AnyStoreContract, ExporterContract, Relay, ServerContract


@pytest.fixture
def server():
    server = PutServer()
    yield server
    server.close()


class TestServerThatKnowsTokensAlone(ExporterContract, ServerContract):
    moments = 2

    @pytest.fixture
    def backend(self, server):
        return OnServer(put_exporters.Put, server)


@pytest.mark.slow
class TestStoreThatKnowsTokensAlone(ExporterContract, AnyStoreContract):
    moments = 2

    @pytest.fixture
    def backend(self, tmp_path):
        return InFile(TokenStore, tmp_path / "out")

    @pytest.fixture
    def store(self, backend):
        store = backend.new()
        store.open()
        yield store
        store.close()


def test_a_server_that_keeps_no_tokens_is_found_out(server):
    backend = OnServer(put_exporters.Posted, server)
    with Relay(*backend.address) as relay:
        exporter = backend.new(**backend.at(*relay.address))
        with pytest.raises(AssertionError):
            ServerContract().test_after_an_outage_every_record_is_stored_once(
                backend, relay, exporter
            )
        exporter.close()
