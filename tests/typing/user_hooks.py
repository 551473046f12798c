"""A plugin that implements every hook, as its author writes it. `make check` type-checks it."""

from __future__ import annotations

import click
from flask import Flask, Request
from pydantic import BaseModel, Field, SecretStr
from typing_extensions import assert_type
from user_exporter import LedgerExporter

from flask_chest import Batch, Exporter, FlaskChest, hookimpl
from flask_chest.record import JOB, JsonValue, RecordData
from flask_chest.views import Views


class LedgerSettings(BaseModel):
    ledger_page: str = Field("/ledger", description="Path of the page")
    ledger_token: SecretStr | None = Field(None, description="Token of the page")


@hookimpl
def chest_request_id(request: Request) -> str | None:
    return request.headers.get("X-My-ID")


@hookimpl(tryfirst=True)
def chest_filter_variables(variables: dict[str, object], request: Request | None) -> None:
    variables.pop("secret", None)
    if request is not None:
        variables["tenant"] = request.headers.get("X-Tenant")


@hookimpl
def chest_drop_record(record: RecordData, request: Request | None) -> bool | None:
    assert_type(record["route"], str | None)
    assert_type(record["duration_ms"], float)
    assert_type(record["variables"], dict[str, JsonValue])
    return record["method"] == JOB and request is None


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    return [LedgerExporter]


@hookimpl
def chest_settings() -> type[BaseModel]:
    return LedgerSettings


@hookimpl
def chest_init_app(app: Flask, chest: FlaskChest, settings: BaseModel | None) -> None:
    if isinstance(settings, LedgerSettings):
        views = Views("ledger", __name__, url_prefix=settings.ledger_page)
        views.add_url_rule("/", view_func=lambda: "")
        app.register_blueprint(chest.exclude(views))


@hookimpl
def chest_commands() -> list[click.Command]:
    @click.command()
    def ledger() -> None:
        click.echo("")

    return [ledger]


@hookimpl(trylast=True)
def chest_exported(exporter: str, batch: Batch) -> None:
    click.echo(f"{exporter}: {len(batch)}")


@hookimpl
def chest_export_failed(exporter: str, error: Exception) -> None:
    click.echo(f"{exporter}: {error}")
