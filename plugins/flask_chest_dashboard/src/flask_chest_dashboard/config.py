"""The settings of the plugin: `DashboardSettings`."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, model_validator
from typing_extensions import Self
from werkzeug.security import check_password_hash

from flask_chest_dashboard.decision import fault_of

Decides: TypeAlias = Callable[..., Any]
"""Called with the Flask request; returns whether whoever sent it may."""


def _path(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError("must begin with a slash and not end with one, such as '/chest'")
    return value


def _imported(value: object) -> object:
    """Import what a path such as ``shop.auth:is_admin`` names."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", value):
        raise ValueError(f"{value!r} is no path of a function, such as 'shop.auth:is_admin'")
    module, _, name = value.partition(":")
    try:
        return attrgetter(name)(import_module(module))
    except Exception as error:  # noqa: BLE001 - of any module
        raise ValueError(
            f"{value!r} cannot be imported: {type(error).__name__}: {error}. It must be there "
            "before FlaskChest is given the application"
        ) from None


def _decides(value: object) -> object:
    fault = fault_of(value) if callable(value) else None
    if fault is not None:
        raise ValueError(fault)
    return value


def _switch(value: object) -> object:
    """Leave a text that pydantic reads as a bool alone, and import any other."""
    if isinstance(value, str) and ":" in value:
        return _imported(value)
    return value


def _password_hash(value: SecretStr | None) -> SecretStr | None:
    if value is None:
        return None
    text = value.get_secret_value()
    try:
        is_one = text.startswith(("scrypt:", "pbkdf2:")) and text.count("$") == 2
        if is_one:
            check_password_hash(text, "")
    except (ValueError, AttributeError):  # AttributeError: a Python without scrypt
        is_one = False
    if not is_one:
        raise ValueError(
            "is no hash of a password. Make one with `flask-chest dashboard hash-password`. In a "
            "shell, put it between single quotes, as it has $ in it"
        )
    return value


def _trace_url(value: str | None) -> str | None:
    if value is None:
        return None
    if not re.match(r"https?://[^\s{}]+", value) or "{trace_id}" not in value:
        raise ValueError(
            "must be an address with {trace_id} in it, such as "
            "'https://tempo.example/trace/{trace_id}'"
        )
    return value


class DashboardSettings(BaseModel):
    """Who may look at the dashboard, where it is, and what it shows beside the records.

    Without `dashboard_allow`, `dashboard_user` and `dashboard_password_hash` there are no pages.
    """

    dashboard_prefix: Annotated[str, AfterValidator(_path)] = Field(
        "/chest", description="Path before the names of the pages"
    )
    dashboard_allow: Annotated[
        Decides | None, BeforeValidator(_imported), AfterValidator(_decides)
    ] = Field(
        None,
        description=(
            "Function that is called with the Flask request and returns whether it may look; or "
            "its path, such as `shop.auth:is_admin`"
        ),
    )
    dashboard_user: str | None = Field(
        None, min_length=1, max_length=255, description="Name of who may log in with a password"
    )
    dashboard_password_hash: Annotated[SecretStr | None, AfterValidator(_password_hash)] = Field(
        None, description="Hash of the password, by `flask-chest dashboard hash-password`"
    )
    dashboard_manage: Annotated[
        bool | Decides, BeforeValidator(_switch), AfterValidator(_decides)
    ] = Field(
        default=False,
        description=(
            "Whether those who may look may also retry and drop dead letters; or a function as "
            "for CHEST_DASHBOARD_ALLOW"
        ),
    )
    dashboard_trace_url: Annotated[str | None, AfterValidator(_trace_url)] = Field(
        None,
        description="Address of a trace in the tracing system, with `{trace_id}` in it",
    )
    dashboard_user_variable: str = Field(
        "user_id", min_length=1, description="Variable that says whose request it was"
    )
    dashboard_refresh_seconds: float = Field(
        10.0, ge=1, le=3_600, description="Time between two refreshes of an open page"
    )
    dashboard_file: str = Field(
        "<instance>/chest_dashboard.sqlite3",
        min_length=1,
        description=(
            "SQLite file with saved views and failed attempts to log in; `<instance>` is the "
            "instance folder of the application. `memory`: no file, in each process its own"
        ),
    )

    @property
    def is_closed(self) -> bool:
        """Whether nobody may see anything."""
        return (
            self.dashboard_allow is None
            and self.dashboard_user is None
            and self.dashboard_password_hash is None
        )

    @model_validator(mode="after")
    def _has_whole_access(self) -> Self:
        if (self.dashboard_user is None) != (self.dashboard_password_hash is None):
            raise ValueError(
                "CHEST_DASHBOARD_USER and CHEST_DASHBOARD_PASSWORD_HASH are set together. Make the "
                "hash with `flask-chest dashboard hash-password`"
            )
        others = self.model_fields_set - {"dashboard_user", "dashboard_password_hash"}
        if self.is_closed and others:
            raise ValueError(
                f"CHEST_{min(others).upper()} is set, but nobody may look. Set "
                "CHEST_DASHBOARD_ALLOW, or CHEST_DASHBOARD_USER and CHEST_DASHBOARD_PASSWORD_HASH"
            )
        return self
