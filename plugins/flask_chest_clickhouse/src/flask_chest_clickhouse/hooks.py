"""Entry point: announces the store for ClickHouse, which is imported when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_clickhouse.config import ClickHouseConfig

if TYPE_CHECKING:
    from pydantic import BaseModel


class ClickHouse(DeferredStore):
    """Stores records in ClickHouse."""

    type = "clickhouse"
    schemes = ("clickhouse", "clickhouses")
    config_model = ClickHouseConfig
    implementation = "flask_chest_clickhouse.store:ClickHouseStore"
    requires = ("urllib3",)

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self.batching = cast("ClickHouseConfig", config).batching


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `clickhouse`."""
    return [ClickHouse]
