"""An exporter and its deferred stand-in, as their author writes them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from typing_extensions import assert_type

from flask_chest import (
    Batch,
    BatchRejected,
    ConfigurationError,
    Exporter,
    ExporterUnavailable,
    SchemaMismatch,
)
from flask_chest.deferred import DeferredStore, lazy_attributes
from flask_chest.errors import mask_secrets, mask_urls
from flask_chest.exporter import Batching, Finding
from flask_chest.record import RecordData
from flask_chest.store import another

__getattr__ = lazy_attributes(__name__, LedgerStore="user_store")


class LedgerConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr
    timeout_seconds: float = Field(default=10.0, gt=0)


class LedgerExporter(Exporter):
    type = "ledger"
    schemes = ("ledger", "ledgers")
    config_model = LedgerConfig
    config: LedgerConfig
    batching = Batching(min_records=100, max_records=1_000, max_bytes=1 << 20, max_seconds=5.0)
    for_tests: ClassVar[bool] = False

    def validate(self) -> None:
        if not self.config.url.get_secret_value():
            raise ConfigurationError("url is empty", setting="CHEST_EXPORTERS")

    def findings(self) -> list[Finding]:
        return [Finding("warning", "version", "2 is old", remedy="Update it")]

    def ddl(self) -> list[str]:
        return ["CREATE TABLE ledger (record JSON)"]

    def repair(self) -> list[str]:
        return [*super().repair(), "Nothing was missing"]

    def open(self) -> None:
        try:
            self._connection = open(self.config.url.get_secret_value(), "ab")  # noqa: PTH123, SIM115 - of a user
        except OSError as error:
            raise ExporterUnavailable(mask_secrets(mask_urls(str(error)))) from error

    def export(self, batch: Batch) -> None:
        assert_type(batch.to_json(), bytes)
        assert_type(batch.lines, bytes)
        assert_type(batch.token, str)
        assert_type(batch.records(), list[RecordData])
        if len(batch) > 1_000:
            raise BatchRejected("too large")
        self._connection.write(batch.to_json())

    def idle(self) -> None:
        self._connection.flush()

    def preload(self) -> None: ...

    def close(self) -> None:
        self._connection.close()


class Ledger(DeferredStore):
    type = "ledger"
    schemes = ("ledger",)
    config_model = LedgerConfig
    implementation = "user_store:LedgerStore"
    requires = ("sqlite3",)


def renew(exporter: LedgerExporter) -> LedgerExporter:
    try:
        exporter.check()
    except SchemaMismatch as error:
        assert_type(error.setting, str | None)
    assert_type(another(exporter), LedgerExporter)
    return another(exporter)
