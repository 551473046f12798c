"""Notice settings that `app.config` got when they had been read already."""

from __future__ import annotations

from collections.abc import Mapping

from flask_chest.runtime.log import logger
from flask_chest.settings.model import CONFIG_PREFIX


class LateSettings:
    """Knows what `app.config` had when its settings were read.

    Args:
        config: `app.config` at that time.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        self._read = _ours(config)
        self._is_said = False

    def names(self, config: Mapping[str, object]) -> list[str]:
        """Return the settings that were added, changed or removed since then."""
        now = _ours(config)
        return sorted(
            name
            for name in self._read.keys() | now.keys()
            if name not in now or name not in self._read or _differ(now[name], self._read[name])
        )

    def say(self, config: Mapping[str, object]) -> None:
        """Log them, once."""
        if self._is_said:
            return
        self._is_said = True
        if names := self.names(config):
            logger.warning(
                "%s in app.config was changed after FlaskChest had read it, and has no effect. Set "
                "it before init_app, or before FlaskChest(app)",
                ", ".join(names),
            )


def _ours(config: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in config.items() if name.startswith(CONFIG_PREFIX)}


def _differ(one: object, other: object) -> bool:
    try:
        return one is not other and bool(one != other)
    except Exception:  # noqa: BLE001 - as arrays do, whatever they are here for
        return True
