"""Settings of an application without plugins."""

from __future__ import annotations

from flask_chest.settings.load import Given


def load_settings(arguments, config):
    given = Given(arguments, config)
    given.of_plugins({})  # refuses what is unknown
    return given.settings()
