"""Entry point: announces the store for Parquet files, which is imported when it is opened."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_parquet.batching import batching
from flask_chest_parquet.config import ParquetConfig


class Parquet(DeferredStore):
    """Stores records as Parquet files, in a folder or in S3."""

    type = "parquet"
    schemes = ("s3",)
    config_model = ParquetConfig
    implementation = "flask_chest_parquet.store:ParquetStore"
    requires = ("duckdb", "pyarrow", "sqlalchemy", "urllib3")

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self.batching = batching(cast("ParquetConfig", config))


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `parquet`."""
    return [Parquet]
