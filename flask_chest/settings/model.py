"""The settings, their sources, and errors that help.

Sources, strongest first: arguments to `FlaskChest`, `app.config`, the environment, defaults.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from flask_chest.encode.record_fields import FieldName, FieldRule
from flask_chest.errors import ConfigurationError
from flask_chest.journal import Fsync, WhenFull
from flask_chest.redaction import DEFAULT_VALUES, RedactWith, SecretKind

CONFIG_PREFIX: Final = "CHEST_"
ENVIRONMENT_PREFIX: Final = "FLASK_CHEST_"
INSTANCE: Final = "<instance>"
"""Stands, in paths and URLs, for the application's instance folder."""

DEFAULT_EXPORTERS: Final[dict[str, str | dict[str, Any]]] = {
    "main": f"sqlite:///{INSTANCE}/chest.sqlite3"
}


def _decode(value: object) -> object:
    """Read JSON out of a text from the environment; other texts stay as they are."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"is not JSON: {error}") from None
    return value


def _listed(value: object) -> object:
    """Take a text for a list with commas, as is handy in the environment."""
    value = _decode(value)
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _named(value: object) -> object:
    """Take a single URL for the one exporter `main`."""
    value = _decode(value)
    return {"main": value} if isinstance(value, str) else value


Rate = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Settings(BaseModel):
    """What `FlaskChest` can be told. `app.config` and the environment add a prefix to each name."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    exporters: Annotated[
        dict[str, str | dict[str, Any]], BeforeValidator(_named), Field(min_length=1)
    ] = Field(
        default=DEFAULT_EXPORTERS,
        description="Name to URL, or name to a dict with `type` and that plugin's own fields. "
        f"`{INSTANCE}` is the application's instance folder",
    )
    service: str = Field(
        default="", max_length=255, description="The field `service`; empty for the app's name"
    )
    track_all: bool = Field(
        default=False, description="Record every request, not only those of tracked routes"
    )
    variables: Annotated[tuple[str, ...] | dict[str, tuple[str, ...]], BeforeValidator(_listed)] = (
        Field(
            default=("*",),
            description="Names and patterns, or a dict of these by HTTP method, that app-wide "
            "capture takes. Its `!` exclusions hold for every route",
        )
    )
    exclude_endpoints: Names = Field(
        default=(), description="Endpoints, or patterns of them, that are never recorded"
    )
    request_id_header: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], ...],
        BeforeValidator(_listed),
    ] = Field(
        default=("X-Request-ID",),
        description="Header of inbound and outbound request IDs; empty for none. Of several, such "
        "as `X-Request-ID,X-Correlation-ID`, the first that is well-formed gives the ID, and the "
        "response carries it under the first name. Of `X-Amzn-Trace-Id` only its `Root=` is taken",
    )
    trust_request_id: bool = Field(
        default=True, description="Take a well-formed inbound request ID"
    )
    request_id_generator: str | Callable[..., Any] = Field(
        default="uuid7",
        description="Makes the ID when nobody gives one: `uuid7`, `uuid4`, `ulid`, `short` (16 "
        "characters that sort by time), a function of the request, or its path, such as "
        "`shop.ids:new`",
    )
    redact_keys: Names = Field(
        default=(),
        description="Secret keys, besides the default list: a part of a key such as `passport`, "
        "whole words such as `=dob`; with `!` in front what is no secret, and `!*` for no default "
        "list. [privacy.md](privacy.md)",
    )
    redact_with: RedactWith = Field(
        default="mask",
        description="What becomes of a secret: `mask`, a keyed `hash` that is the same for the "
        "same value, or `drop`",
    )
    redact_key: SecretStr | None = Field(
        default=None, description="Key of that hash. Default: the application's `SECRET_KEY`"
    )
    redact_values: Annotated[tuple[SecretKind, ...], BeforeValidator(_listed)] = Field(
        default=DEFAULT_VALUES,
        description="What is a secret wherever it stands in a text: `credentials`, `jwt`, `card`, "
        "`email`",
    )
    fields: Annotated[dict[FieldName, FieldRule], BeforeValidator(_decode)] = Field(
        default={},
        description="What becomes of the record's own `path`, `instance` and `error`: `keep`, "
        "`redact` or `omit`",
    )
    sample_rate: Annotated[Rate | dict[str, Rate], BeforeValidator(_decode)] = Field(
        default=1.0,
        description="Share of the requests that is kept, from 0 to 1; or a dict of these by "
        "endpoint or pattern of endpoints, where what matches none is kept",
    )
    keep_errors: bool = Field(
        default=True,
        description="Keep requests with an unhandled exception or a status code of 500 and more, "
        "whatever the rate",
    )
    keep_slower_than_ms: float | None = Field(
        default=None, ge=0, description="Keep requests that took longer, whatever the rate"
    )
    keep_if: str | Callable[..., Any] | None = Field(
        default=None,
        description="Asked with the record of a request that would not be kept, a dict; a function "
        "that returns true to keep it, or its path",
    )
    max_records_per_second: int | None = Field(
        default=None,
        ge=1,
        description="Most records that one process keeps in a second. The weights of those that "
        "are kept count the others",
    )
    opt_out: Names = Field(
        default=(),
        description="Headers and cookies by which a request is not recorded: `header:DNT`, "
        "`cookie:no_tracking`, `cookie:consent=denied`, `cookie:consent!=granted`",
    )
    export_interval_seconds: float = Field(
        default=5.0, ge=0.05, le=86_400, description="Seconds between two deliveries"
    )
    batch_records: int = Field(
        default=1_000, ge=1, le=100_000, description="Most records in one batch"
    )
    batch_bytes: int = Field(
        default=1_048_576, ge=1_024, le=67_108_864, description="Most bytes in one batch"
    )
    journal: str = Field(
        default=f"{INSTANCE}/chest",
        min_length=1,
        description='Folder of the journal, or `"memory"` where no disk may be written',
    )
    journal_max_bytes: int | None = Field(
        default=None,
        ge=1_048_576,
        description="Most bytes of the journal, all processes together. Default: 1 GiB on disk; 64 "
        "MiB in memory, for each process and exporter",
    )
    journal_when_full: WhenFull = Field(
        default="drop_oldest",
        description="What is dropped then, and counted: `drop_oldest` or `drop_newest`",
    )
    fsync: Fsync = Field(
        default="interval",
        description="When the disk has to have a record, so that it survives a power cut: "
        "`interval`, within a second, beside the requests; `always`, before its client has the "
        "answer; `never`, when the system sees fit. A killed process loses nothing with any",
    )
    retry_seconds: float = Field(
        default=1.0,
        ge=0.01,
        le=3_600,
        description="Longest pause after an exporter's first failure. It doubles with each further "
        "one; the pause is a random part of it",
    )
    retry_max_seconds: float = Field(
        default=60.0, ge=0.01, le=86_400, description="Where the doubling ends"
    )
    export_timeout_seconds: float = Field(
        default=120.0,
        ge=0.1,
        le=86_400,
        description="A call of an exporter that takes longer is given up, and its records are "
        "tried again with a new instance. The stores have shorter timeouts of their own",
    )
    shutdown_seconds: float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="Seconds that a process may deliver at its exit, without those for importing "
        "a driver",
    )
    plugins: Annotated[tuple[str, ...] | None, BeforeValidator(_listed)] = Field(
        default=None,
        description="The installed plugins that may be loaded, by the name of the entry point or "
        "of the distribution. Default: all",
    )
    block_plugins: Names = Field(
        default=(),
        description="Installed plugins that are not loaded, nor imported, by the same names. "
        "Stronger than `CHEST_PLUGINS`",
    )
    external_plugins: bool = Field(
        default=True,
        description="Load installed plugins of other projects; `0` leaves those of this one",
    )
    raise_errors: bool = Field(default=False, description="Raise mistakes in capture, for tests")


def _environment() -> dict[str, Any]:
    """Return what the environment sets, by field."""
    # Half as long to import as pydantic is, and most applications are told in `app.config`.
    from pydantic_settings import (  # noqa: PLC0415
        BaseSettings,
        EnvSettingsSource,
        SettingsConfigDict,
    )

    class Environment(Settings, BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix=ENVIRONMENT_PREFIX,
            env_nested_delimiter="__",
            enable_decoding=False,  # our validators do it
            defer_build=True,  # of a validator, which is not asked
        )

    return EnvSettingsSource(Environment)()


def mask(value: object) -> str:
    """Return `value` for a message: passwords masked, and cut to one line."""
    text = repr(_masked(value))
    return text if len(text) <= 200 else f"{text[:200]}…"


_HIDDEN: Final = r"[^=&?'\"]*(?:pass|pwd|secret|token|key|credential)[^=&?'\"]*"


def _masked(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            key: "***"
            if part is not None and re.fullmatch(f"(?is){_HIDDEN}", str(key))
            else _masked(part)
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(part) for part in value]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return value
    # A URL, also one that is written wrongly: all from the user's colon to the last @ may belong
    # to a password in which nobody has encoded the characters that a URL takes for its own.
    value = re.sub(r"(?s):(?!//).*@", ":***@", value)
    value = re.sub(rf"(?is)([?&]{_HIDDEN}=)[^&]*", r"\1***", value)
    # JSON or Python in an environment variable.
    return re.sub(
        rf"(?is)((['\"]){_HIDDEN}\2\s*[:=]\s*)(?:\"[^\"]*(?:\"|$)|'[^']*(?:'|$))",
        r"\1***",
        value,
    )


def load(arguments: Mapping[str, object], config: Mapping[str, object]) -> Settings:
    """Return the settings of an application.

    Args:
        arguments: Keyword arguments of `FlaskChest`, without prefix.
        config: `app.config`.

    Raises:
        ConfigurationError: A setting is unknown or its value is wrong.
    """
    given: dict[str, Any] = {}
    shown: dict[str, str] = {}
    for name, value in config.items():
        if name.startswith(CONFIG_PREFIX):
            field = name.removeprefix(CONFIG_PREFIX).lower()
            given[field], shown[field] = value, name
    for field, value in arguments.items():
        if field.startswith(CONFIG_PREFIX):
            bare = field.removeprefix(CONFIG_PREFIX).lower()
            raise ConfigurationError(
                f"FlaskChest({field}=...): arguments have no prefix. Write {bare}=...",
                setting=field,
            )
        given[field], shown[field] = value, f"{CONFIG_PREFIX}{field.upper()}"
    named = [name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)]
    for name in named:
        field = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")[0]
        shown.setdefault(field, name)
    for field, name in shown.items():
        if field not in Settings.model_fields:
            raise _unknown(field, name)
    if named:
        given = {**_environment(), **given}  # dicts are replaced, not merged
    try:
        return Settings(**given)
    except ValidationError as error:
        raise _explained(error, shown) from None


def _unknown(field: str, name: str) -> ConfigurationError:
    near = difflib.get_close_matches(field, Settings.model_fields, n=1)
    prefix = name[: len(name) - len(field)] if name.lower().endswith(field) else CONFIG_PREFIX
    known = ", ".join(f"{CONFIG_PREFIX}{known.upper()}" for known in Settings.model_fields)
    hint = f"Did you mean {prefix}{near[0].upper()}?" if near else f"Known are: {known}"
    return ConfigurationError(f"{name} is not a setting of Flask-Chest. {hint}", setting=name)


def _explained(error: ValidationError, shown: Mapping[str, str]) -> ConfigurationError:
    messages: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_context=False):
        field = str(fault["loc"][0])
        name = shown.get(field, f"{CONFIG_PREFIX}{field.upper()}")
        where = "".join(f"[{part!r}]" for part in fault["loc"][1:] if isinstance(part, int))
        is_secret = re.fullmatch(f"(?is){_HIDDEN}", field)
        value = "***" if is_secret else mask(fault["input"])
        messages.setdefault(
            name,
            f"{name}{where}={value}: {fault['msg'].removeprefix('Value error, ')}. "
            f"It is: {Settings.model_fields[field].description}",
        )
    return ConfigurationError("\n".join(messages.values()), setting=next(iter(messages)))
