"""Notice settings that `app.config` got when they had been read already."""

from __future__ import annotations

from collections.abc import Mapping

from flask_chest.runtime.log import logger
from flask_chest.settings.environment import beginning_with, explained
from flask_chest.settings.model import CONFIG_PREFIX, ENVIRONMENT_PREFIX


class LateSettings:
    """Knows what `app.config` had when its settings were read.

    Args:
        config: `app.config` at that time.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        self._read = beginning_with(CONFIG_PREFIX, config)
        self._is_said = False

    def names(self, config: Mapping[str, object]) -> list[str]:
        """Return the settings that were added, changed or removed since then.

        What `from_prefixed_env` has added is none: the environment was read, too.
        """
        now = beginning_with(CONFIG_PREFIX, config)
        both = now.keys() & self._read.keys()
        added = now.keys() - both
        if added:
            added -= explained(now, CONFIG_PREFIX, ENVIRONMENT_PREFIX)
        changed = {name for name in both if _differ(now[name], self._read[name])}
        return sorted(added | changed | (self._read.keys() - both))

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


def _differ(one: object, other: object) -> bool:
    try:
        return one is not other and bool(one != other)
    except Exception:  # noqa: BLE001 - as arrays do, whatever they are here for
        return True
