"""`Views`: a blueprint for the pages of a plugin, in whatever application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, current_app, has_request_context, request
from flask.blueprints import BlueprintSetupState

if TYPE_CHECKING:
    from flask import Flask

_HOST: Final = "chest_host"
"""Argument of the rules in applications that match hosts."""

__all__ = [
    "Views",
]


class Views(Blueprint):
    """A blueprint that answers on each host of an application made with ``host_matching=True``.

    There, a rule without a host of its own is found on no host. Otherwise, it is as all blueprints:
    https://flask.palletsprojects.com/en/stable/api/#flask.Flask
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - of Blueprint
        super().__init__(*arguments, **options)
        self.url_value_preprocessor(_remove_host)
        self.url_defaults(_add_host)

    def make_setup_state(
        self,
        app: Flask,  # type: ignore[override] # Flask's own class says so, too
        options: dict[str, Any],
        first_registration: bool = False,  # noqa: FBT001, FBT002 - of Blueprint
    ) -> BlueprintSetupState:
        """Return what registers the rules with an application."""
        if not app.url_map.host_matching:
            return super().make_setup_state(app, options, first_registration)
        return _OnAnyHost(self, app, options, first_registration)


class _OnAnyHost(BlueprintSetupState):
    def add_url_rule(self, rule: str, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - of Flask
        super().add_url_rule(rule, *arguments, **{"host": f"<{_HOST}>", **options})


def _remove_host(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    if values is not None:
        values.pop(_HOST, None)


def _add_host(_endpoint: str, values: dict[str, Any]) -> None:
    if current_app.url_map.host_matching:
        host = request.host if has_request_context() else current_app.config["SERVER_NAME"]
        values.setdefault(_HOST, host)
