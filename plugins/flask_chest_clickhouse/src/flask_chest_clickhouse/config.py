"""Configuration of the exporter `clickhouse`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ClickHouseConfig(BaseModel):
    """Where the records go."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(description="Where the records go")
