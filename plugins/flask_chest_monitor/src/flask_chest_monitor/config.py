"""The settings of the plugin: `MonitorSettings`."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr

Network = IPv4Network | IPv6Network


def _split(value: object) -> object:
    """Make a list of a text, as the environment has it: JSON, or with commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"is not JSON: {error}") from None
    return [part.strip() for part in value.split(",") if part.strip()]


def _path(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError("must begin with a slash and not end with one, such as '/chest'")
    return value


def _long_enough(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not re.fullmatch(r"[\x21-\x7e]{16,}", value.get_secret_value()):
        raise ValueError("must be 16 or more visible ASCII characters without spaces")
    return value


class MonitorSettings(BaseModel):
    """Who may look at the views, where they are, and when health is an error.

    Without `monitor_open`, `monitor_token` and `monitor_networks` there are no views.
    """

    monitor_prefix: Annotated[str, AfterValidator(_path)] = Field(
        "/chest", description="Path before the names of the views"
    )
    monitor_open: Literal["nothing", "probes", "all"] = Field(
        "nothing",
        description="What everybody may see: nothing, the probes live and ready, or all views",
    )
    monitor_token: Annotated[SecretStr | None, AfterValidator(_long_enough)] = Field(
        None, description="Whoever sends it in the header `Authorization: Bearer TOKEN` may see all"
    )
    monitor_networks: Annotated[tuple[Network, ...], BeforeValidator(_split)] = Field(
        (),
        description=(
            "Clients of these networks may see all, such as 10.0.0.0/8. A forwarded request counts "
            "only with werkzeug's ProxyFix"
        ),
    )
    monitor_metrics: bool = Field(default=True, description="Whether there is the view metrics")
    monitor_max_lag_seconds: float | None = Field(
        300.0,
        gt=0,
        description="Age of the oldest waiting record above which health fails; None for no limit",
    )
    monitor_max_journal_share: float | None = Field(
        0.9,
        gt=0,
        le=1,
        description="Share of CHEST_JOURNAL_MAX_BYTES above which health fails; None for no limit",
    )
    monitor_max_dead_letters: int | None = Field(
        None,
        ge=0,
        description="Dead letters of one exporter above which health fails; None for no limit",
    )
    monitor_max_dropped: int | None = Field(
        None,
        ge=0,
        description="Records ever dropped above which health fails; None for no limit",
    )

    @property
    def is_closed(self) -> bool:
        """Whether nobody may see anything."""
        return (
            self.monitor_open == "nothing"
            and self.monitor_token is None
            and not self.monitor_networks
        )
