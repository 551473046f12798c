"""CHEST_ROLLUPS: what is rolled up besides requests by service, route, method and status code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from flask_chest import query
from flask_chest.errors import QueryError
from flask_chest.exporter import Exporter
from flask_chest.rollup.declaration import Declaration
from flask_chest.settings.durations import Retention
from flask_chest.settings.wording import said_of
from flask_chest.store import Store

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_DAY_SECONDS = 86_400
_UNBOUNDED = frozenset({"id", "request_id", "trace_id", "started_at"})


def _several(value: object) -> object:
    """Make a list of a single name, or of names with commas, as the environment has them."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]


class TierRetention(BaseModel):
    """How long each tier is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    minute: Retention = Declaration.minute
    hour: Retention = Declaration.hour
    day: Retention = Declaration.day

    @field_validator("minute", "hour", "day")
    @classmethod
    def _is_long(cls, kept: Retention) -> Retention:
        if kept is not None and kept.total_seconds() < _DAY_SECONDS:
            raise ValueError("must be at least 1d, or none for ever")
        return kept


class RollupSettings(BaseModel):
    """What is rolled up, as a dict."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    dimensions: Annotated[tuple[Names, ...], BeforeValidator(_several)] = Field(
        default=(), max_length=16
    )
    measures: Names = Field(default=(), max_length=16)
    distinct: Names = Field(default=(), max_length=16)
    retention: TierRetention = TierRetention()
    max_groups: int = Field(default=Declaration.max_groups, ge=1, le=10_000)

    @field_validator("dimensions")
    @classmethod
    def _are_dimensions(cls, given: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        for names in given:
            if not 1 <= len(names) <= 6 or len(set(names)) < len(names):
                raise ValueError(
                    f"{list(names)}: a dimension is a name, or a list of 1 to 6 different names"
                )
            for name in _checked(names):
                if name in _UNBOUNDED:
                    raise ValueError(f"{name!r} has as many values as there are records")
        return given

    @field_validator("measures", "distinct")
    @classmethod
    def _are_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for name in _checked(given):
            if query.name(name) == query.name("started_at"):
                raise ValueError(f"{name!r} is a time, of which nothing is measured")
        return given

    def declaration(self) -> Declaration:
        """Return the same as the core has it."""
        return Declaration(
            self.dimensions,
            self.measures,
            self.distinct,
            self.retention.minute,
            self.retention.hour,
            self.retention.day,
            self.max_groups,
        )


def _checked(names: Iterable[str]) -> list[str]:
    """Return names that a question can have.

    Raises:
        ValueError: One is none.
    """
    for name in names:
        try:
            query.name(name)
        except QueryError as error:
            raise ValueError(str(error)) from None
    return list(names)


def _read(given: object) -> object:
    """Read a dict, and say what is wrong with it by its keys."""
    if not isinstance(given, dict):
        return given
    try:
        return RollupSettings.model_validate(given)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc']))}: {_said(fault)}"
            for fault in error.errors(include_url=False)
        ]
        raise ValueError("; ".join(faults)) from None


def _said(fault: ErrorDetails) -> str:
    if fault["type"] != "extra_forbidden":
        return said_of(fault)
    *within, name = map(str, fault["loc"])
    known = list((TierRetention if within else RollupSettings).model_fields)
    near = difflib.get_close_matches(name, known, n=1)
    return "no such key. " + (f"Near: {near[0]!r}" if near else f"Known: {known}")


Rollups = Annotated[bool | RollupSettings, BeforeValidator(_read)]


def declare(exporters: Iterable[Exporter], given: bool | RollupSettings) -> None:  # noqa: FBT001 - a setting
    """Tell the stores among some exporters what they roll up."""
    told: Declaration | bool = False
    if isinstance(given, RollupSettings):
        told = given.declaration()
    elif given:
        told = Declaration()
    for exporter in exporters:
        if isinstance(exporter, Store):
            exporter.rollups = told
