"""The configuration that the stores on a SQL server share. Imports no SQLAlchemy."""

from __future__ import annotations

from pydantic import Field, field_validator

from flask_chest.schema import PREFIX
from flask_chest.server_config import MAX_PREFIX_BYTES, ServerConfig, check_prefix


class SqlServerConfig(ServerConfig):
    """The fields that all SQL servers have."""

    table_prefix: str = Field(
        default=PREFIX,
        min_length=1,
        description="What the names of the tables, the view and the indexes begin with; at most "
        f"{MAX_PREFIX_BYTES} bytes",
    )

    query_timeout_seconds: float = Field(
        default=30.0,
        ge=0.1,
        le=3_600.0,
        description="Seconds that one query may take, after which the server cancels it",
    )

    @field_validator("table_prefix")
    @classmethod
    def _is_prefix(cls, prefix: str) -> str:
        return check_prefix(prefix)
