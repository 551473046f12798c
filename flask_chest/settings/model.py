"""The settings: names, types, bounds, defaults and meaning. docs/reference/settings.md has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
)

from flask_chest import query
from flask_chest.encode.record_fields import FieldName, FieldRule
from flask_chest.errors import QueryError
from flask_chest.journal import Fsync, WhenFull
from flask_chest.redaction import RedactWith, SecretKinds
from flask_chest.settings.durations import Retention
from flask_chest.settings.masking import hidden
from flask_chest.settings.rollups import Rollups

CONFIG_PREFIX: Final = "CHEST_"
ENVIRONMENT_PREFIX: Final = "FLASK_CHEST_"
INSTANCE: Final = "<instance>"
"""Stands for the application's instance folder in paths and URLs."""

DEFAULT_EXPORTERS: Final[dict[str, str | dict[str, Any]]] = {
    "main": f"sqlite:///{INSTANCE}/chest.sqlite3"
}

_MAX_INDEXED: Final = 16


def _decode_json(value: object) -> object:
    """Decode a text that looks like JSON, as environment variables hold it."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is not JSON: {error}") from None
    return value


def _split_list(value: object) -> object:
    """Decode JSON, or split a text at its commas."""
    value = _decode_json(value)
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _name_single_url(value: object, info: ValidationInfo) -> object:
    """Decode JSON, and call the exporter of a single URL `main`."""
    if not value and info.data.get("enabled") is False:
        return DEFAULT_EXPORTERS  # where nothing is recorded, nothing need be configured
    value = _decode_json(value)
    return {"main": value} if isinstance(value, str) else value


def _are_variables(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what names no variable, and more indexes than delivery can bear."""
    if len(names) > _MAX_INDEXED:
        raise ValueError(f"names {len(names)} variables. Each index slows delivery: name fewer")
    if names:  # else the language of questions is not imported
        try:
            query.variable_paths(names)
        except QueryError as error:
            raise ValueError(str(error)) from None
    return names


def _are_kinds(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is no kind of secret."""
    SecretKinds(names)
    return names


def _split_statuses(value: object) -> object:
    """Decode a list, or make one of a single status code."""
    return (value,) if isinstance(value, int) else _split_list(value)


def _bits(value: object) -> object:
    """Decode a pair of network prefixes, such as ``/24,/48``."""
    value = _split_list(value)
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != 2:
        raise ValueError("needs two prefixes, for IPv4 and for IPv6, such as /24,/48")
    return tuple(each.removeprefix("/") if isinstance(each, str) else each for each in value)


Bits4 = Annotated[int, Field(ge=0, le=32)]
Bits6 = Annotated[int, Field(ge=0, le=128)]
Rate = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split_list)]


class Settings(BaseModel):
    """The settings of one application. `app.config` and the environment add a prefix to each."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    enabled: bool = Field(
        default=True,
        description="Whether anything is recorded. `0`: decorators and request IDs work, and "
        "nothing is opened, written or started. The exporters are not made: their plugins and "
        "databases may be missing",
    )
    testing: Literal["memory", "deliver"] = Field(
        default="memory",
        description="Where records go while the application's `TESTING` is on: `memory` (they stay "
        "in this process, where `chest.store()` finds them; nothing is delivered and no file "
        "written) or `deliver` (as without `TESTING`). "
        "See [testing](../how-to/testing.md)",
    )
    exporters: Annotated[
        dict[str, str | dict[str, Any]],
        BeforeValidator(_name_single_url),
        Field(min_length=1),
        AfterValidator(hidden),
    ] = Field(
        default=hidden(DEFAULT_EXPORTERS),
        description="Where records are delivered: name to URL, or name to a dict with `type` and "
        f"the fields of that plugin. `{INSTANCE}` is the application's instance folder",
    )
    service: str = Field(
        default="",
        max_length=255,
        description="Value of the record's field `service`. Empty: the application's name",
    )
    release: str = Field(
        default="",
        max_length=255,
        description="The version that is deployed, such as `2026.11.3` or a commit. Recorded as "
        "the variable `app.release` of every record. Empty: not recorded",
    )
    track_all: bool = Field(
        default=False, description="Record every request, not only those to tracked routes"
    )
    variables: Annotated[tuple[str, ...] | dict[str, Names], BeforeValidator(_split_list)] = Field(
        default=("*",),
        description="What app-wide tracking takes: names and patterns of variables and of "
        "[facts](records.md#facts-about-the-request), or a dict of these by HTTP method. Its `!` "
        "exclusions apply to every route. Empty: none",
    )
    exclude_endpoints: Names = Field(
        default=(), description="Endpoints, or patterns of endpoints, that are never recorded"
    )
    exclude_paths: Names = Field(
        default=(),
        description="Paths, or patterns of paths such as `/static/*`, that are never recorded. "
        "They include the mount point of the application, as the record's field `path` does",
    )
    exclude_status: Annotated[tuple[int | str, ...], BeforeValidator(_split_statuses)] = Field(
        default=(),
        description="Status codes of responses that are not recorded, such as `404`, and classes "
        "of them, such as `3xx`. A request with an unhandled exception is still recorded",
    )
    request_id_header: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], ...],
        BeforeValidator(_split_list),
    ] = Field(
        default=("X-Request-ID",),
        description="Header of inbound and outbound request IDs. Empty: none. Of several, such as "
        "`X-Request-ID,X-Correlation-ID`, the first that holds a well-formed ID is used, and the "
        "response carries it in the first of them. Of `X-Amzn-Trace-Id` only `Root=` is used",
    )
    trust_request_id: bool = Field(default=True, description="Use a well-formed inbound request ID")
    request_id_generator: str | Callable[..., Any] = Field(
        default="uuid7",
        description="Makes the request ID when no plugin, route or header gives one: `uuid7`, "
        "`uuid4`, `ulid` or `short` (16 characters that sort by time). Or a function that takes "
        "the request or nothing, or its path, as in `shop.ids:new`",
    )
    redact_keys: Names = Field(
        default=(),
        description="Secret keys, in addition to the default list: part of a key, such as "
        "`passport`, or whole words, such as `=dob`. `!` in front makes an exception; `!*` removes "
        "the default list. See [redaction](redaction.md)",
    )
    redact_with: RedactWith = Field(
        default="mask",
        description="What replaces a secret: `mask` (a fixed text), `hash` (a keyed hash, equal "
        "for equal values), `drop` (nothing)",
    )
    redact_key: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="Key of the hash of `CHEST_REDACT_WITH`, and of the decision of "
        "[sampling](../how-to/sampling.md). Default: the application's `SECRET_KEY`",
    )
    redact_values: Annotated[Names, AfterValidator(_are_kinds)] = Field(
        default=(),
        description="Kinds of secrets that are redacted anywhere in a text, in addition to the "
        "default kinds `credentials`, `jwt` and `card`: `email`. `!` in front leaves a kind out, "
        "as in `!card`; `!*` leaves out the default kinds. "
        "See [redaction](redaction.md#secrets-in-texts)",
    )
    client_ip_prefix: Annotated[tuple[Bits4, Bits6] | None, BeforeValidator(_bits)] = Field(
        default=None,
        description="How many bits of the fact `request.client_ip` are kept, for IPv4 and for "
        "IPv6: with `/24,/48`, 203.0.113.7 is recorded as 203.0.113.0. Default: the whole address",
    )
    fields: Annotated[dict[FieldName, FieldRule], BeforeValidator(_decode_json)] = Field(
        default={},
        description="How the record's own fields `path`, `instance` and `error` are stored: "
        "`keep`, `redact` or `omit`",
    )
    sample_rate: Annotated[Rate | dict[str, Rate], BeforeValidator(_decode_json)] = Field(
        default=1.0,
        description="Share of requests that is kept, from 0 to 1. A dict sets the share by "
        "endpoint or pattern of endpoints, and keeps all requests to other endpoints",
    )
    keep_errors: bool = Field(
        default=True,
        description="Keep every request with an unhandled exception or a status code of at least "
        "500, whatever the sample rate",
    )
    keep_slower_than_ms: float | None = Field(
        default=None,
        ge=0,
        description="Keep every request that took more than this number of milliseconds, whatever "
        "the sample rate",
    )
    keep_if: str | Callable[..., Any] | None = Field(
        default=None,
        description="Function, or path of a function, that gets the record of a request that "
        "nothing else keeps for sure, as a dict. The record is kept when it returns true",
    )
    max_records_per_second: int | None = Field(
        default=None,
        ge=1,
        description="Maximum number of records that one process keeps in a second. The weights of "
        "kept records make up for the others",
    )
    opt_out: Names = Field(
        default=(),
        description="Headers and cookies that keep a request from being recorded: `header:DNT`, "
        "`cookie:no_tracking`, `cookie:consent=denied`, `cookie:consent!=granted`",
    )
    export_interval_seconds: float = Field(
        default=5.0, ge=0.05, le=86_400, description="Seconds between two deliveries"
    )
    batch_records: int = Field(
        default=1_000,
        ge=1,
        le=100_000,
        description="Maximum number of records in a batch, for exporters without their own",
    )
    batch_bytes: int = Field(
        default=1_048_576,
        ge=1_024,
        le=67_108_864,
        description="Maximum size of a batch, in bytes, for exporters without their own",
    )
    journal: str = Field(
        default=f"{INSTANCE}/chest",
        min_length=1,
        description='Folder of the journal; `~` is the home folder. `"memory"`: no files, for '
        "processes without a writable disk",
    )
    journal_max_bytes: int | None = Field(
        default=None,
        ge=1_048_576,
        description="Maximum size of the journal, in bytes, for all processes together. Default: 1 "
        "GiB on disk; in memory 64 MiB for each process and exporter",
    )
    journal_when_full: WhenFull = Field(
        default="drop_oldest",
        description="Which records are dropped, and counted, when the journal is full: "
        "`drop_oldest` or `drop_newest`",
    )
    fsync: Fsync = Field(
        default="interval",
        description="When records are flushed to the disk, so that they survive a power cut: "
        "`interval` (in the background, within a second), `always` (before the client gets its "
        "response), `never` (when the operating system decides). With any of these, a killed "
        "process loses no record",
    )
    retry_seconds: float = Field(
        default=1.0,
        ge=0.01,
        le=3_600,
        description="Backoff after an exporter's first failure, in seconds. It doubles with each "
        "further failure. The actual pause is a random part of it",
    )
    retry_max_seconds: float = Field(
        default=60.0, ge=0.01, le=86_400, description="Backoff ceiling, in seconds"
    )
    export_timeout_seconds: float = Field(
        default=120.0,
        ge=0.1,
        le=86_400,
        description="Seconds after which a call of an exporter is abandoned. A new instance then "
        "tries its records again. The stores have shorter timeouts of their own",
    )
    shutdown_seconds: float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="Maximum number of seconds that delivery takes when a process exits. The time "
        "to import a driver is not counted",
    )
    store: str | None = Field(
        default=None,
        description="Name of the exporter that `chest.store()` reads, and the commands, where no "
        "other is named. Default: `main`, else the only one that can be read",
    )
    retention: Retention = Field(
        default=None,
        description="How long every store keeps a record, such as `90d`; units are s, m, h, d and "
        "w. The leader deletes older ones once an hour. An exporter may have a `retention` of its "
        "own. Default: `none`, for ever. See [retention](../how-to/retention.md)",
    )
    rollups: Annotated[Rollups, BeforeValidator(_decode_json)] = Field(
        default=True,
        description="What every store keeps rolled up, so that questions about long times are "
        "answered at once: `1` (requests by service, route, method and status code), `0` "
        "(nothing), or a dict that adds to it. No dimension should name a person, as rollups "
        "outlive the records. See [rollups](../explanation/rollups.md)",
    )
    indexed_variables: Annotated[Names, AfterValidator(_are_variables)] = Field(
        default=(),
        description="Variables that get an index of their own in every store, such as `user_id`, "
        "`user.plan` or `app.release`; at most 16. A filter that compares one with `==` then finds "
        "the newest records at once. The leader creates and drops the indexes as this changes, "
        "those too that another application of the same database names. See "
        "[two applications](../how-to/two-applications.md)",
    )
    plugins: Annotated[tuple[str, ...] | None, BeforeValidator(_split_list)] = Field(
        default=None,
        description="Installed plugins that may be loaded, each by the name of its entry point or "
        "of its distribution. Default: all",
    )
    block_plugins: Names = Field(
        default=(),
        description="Installed plugins that are neither loaded nor imported, by the same names. "
        "Takes precedence over `CHEST_PLUGINS`",
    )
    external_plugins: bool = Field(
        default=True,
        description="Load installed plugins of other projects. `0`: only those of this project",
    )
    raise_errors: bool = Field(
        default=False,
        description="Raise errors of capture into the request, for tests. Otherwise they are "
        "counted",
    )
