"""Tests of an application and of an exporter, as their author writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from typing_extensions import assert_type
from user_exporter import LedgerConfig, LedgerExporter
from user_store import LedgerStore

from flask_chest import Batch, Record
from flask_chest.record import JsonValue, RecordData
from flask_chest.store import Store
from flask_chest.testing import (
    AnyStoreContract,
    Backend,
    Collector,
    ExporterContract,
    RecordingExporter,
    Relay,
    SchemaContract,
    ServerContract,
    StoreBackend,
    StoreContract,
    collect,
    make_batch,
    make_record,
)
from flask_chest.testing.fixtures import chest_records as their_fixture

chest_records = their_fixture


def test_an_application(chest_records: Callable[[Flask], Collector]) -> None:
    app = Flask(__name__)
    records = chest_records(app)
    app.test_client().get("/")
    assert_type(records.wait_for(1, timeout_seconds=2.0), list[Record])
    assert_type(records[0].variables["user_id"], JsonValue)
    records.clear()
    with collect(app) as collected:
        assert_type(collected, Collector)
        assert_type([record.route for record in collected], list[str | None])


def test_a_delivery() -> None:
    recording = RecordingExporter()
    assert_type(recording.wait_for(1), list[Record])
    assert_type(recording.records, list[Record])
    recording.clear()


class LedgerBackend(Backend):
    exporter = LedgerExporter

    def __init__(self, folder: Path) -> None:
        self.config = {"url": str(folder / "ledger")}

    def ids(self) -> list[str]:
        return []

    def at(self, host: str, port: int) -> Mapping[str, Any]:
        return {"url": f"ledger://{host}:{port}"}

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", 9


class TestLedger(ExporterContract, ServerContract):
    moments = 10
    ways = ("kill", "meet")

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return LedgerBackend(tmp_path)

    def test_of_its_own(self, backend: Backend) -> None:
        assert_type(make_record(status_code=500), RecordData)
        assert_type(make_batch(make_record(), make_record()), Batch)
        with Relay("127.0.0.1", 9) as relay:
            assert_type(relay.address, tuple[str, int])
            relay.cut()
            relay.restore()
        backend.new(timeout_seconds=1.0).close()


class LedgerStoreBackend(StoreBackend):
    exporter = LedgerStore

    def __init__(self, folder: Path) -> None:
        self.config = {"url": str(folder / "ledger")}

    def ids(self) -> list[str]:
        return []

    def variables(self) -> list[tuple[str, str, object]]:
        return []

    def set_version(self, version: int) -> None: ...

    def take_names(self) -> None: ...

    def is_untouched(self) -> bool:
        return True


class TestLedgerStore(StoreContract, SchemaContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> StoreBackend:
        return LedgerStoreBackend(tmp_path)


class TestAnyStore(AnyStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = LedgerStore(LedgerConfig.model_validate({"url": str(tmp_path)}))
        store.open()
        yield store
        store.close()
