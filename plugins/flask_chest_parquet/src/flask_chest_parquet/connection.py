"""What the configuration stands for: objects in a folder or in S3, and typed columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flask_chest.errors import ConfigurationError, QueryError
from flask_chest.query import Variable, name, variable_paths
from flask_chest_parquet.disk import Disk
from flask_chest_parquet.objects import Objects
from flask_chest_parquet.schema import Column, columns

if TYPE_CHECKING:
    from flask_chest.store import Declaration
    from flask_chest_parquet.config import ParquetConfig


def objects_of(config: ParquetConfig) -> Objects:
    """Return the objects of a lake, not open."""
    if config.path is not None:
        return Disk(Path(config.path), int(config.mode, 8))
    from flask_chest_parquet.s3 import S3  # noqa: PLC0415 - a folder needs no HTTP client

    return S3(config)


def typed_columns(
    config: ParquetConfig, indexed: Iterable[str], rollups: Declaration | None
) -> list[Column]:
    """Return the typed columns of what is declared.

    Args:
        config: Its `columns`.
        indexed: As CHEST_INDEXED_VARIABLES has them.
        rollups: As CHEST_ROLLUPS has them; None for none.

    Raises:
        ConfigurationError: A name cannot be read.
    """
    any_type = [*config.columns, *indexed]
    numbers: list[str] = []
    if rollups is not None:
        any_type += [each for dimension in rollups.dimensions for each in dimension]
        any_type += rollups.distinct
        numbers += rollups.measures
    try:
        return columns(_paths(any_type), _paths(numbers))
    except QueryError as error:
        raise ConfigurationError(f"the columns of {config.location}: {error}") from error


def _paths(names: Iterable[str]) -> list[tuple[str, ...]]:
    return variable_paths(each for each in names if isinstance(name(each), Variable))
