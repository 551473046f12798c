"""The application that a command is run for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from flask_chest.app_state import AppState


def current_state() -> AppState:
    """Return what Flask-Chest keeps for the current application."""
    state: AppState = current_app.extensions["flask_chest"]
    return state
