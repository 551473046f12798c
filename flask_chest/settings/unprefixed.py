"""Notice settings in the environment that lack `FLASK_`, and so are not read."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from typing import Final

from flask_chest.runtime.log import logger
from flask_chest.settings.environment import SEPARATOR
from flask_chest.settings.model import CONFIG_PREFIX, ENVIRONMENT_PREFIX

_CUTOFF: Final = 0.85
_said: Final[set[str]] = set()


def say_unprefixed(fields: Collection[str], config: Collection[str]) -> None:
    """Log each variable that seems to be meant as a setting, once in a process.

    Args:
        fields: Names of the settings, also those with ``_file`` behind them.
        config: Names in `app.config`. The application itself has read a variable of that name.
    """
    for name in sorted(os.environ):
        if not name.startswith(CONFIG_PREFIX) or name in config or name in _said:
            continue
        first, separator, keys = name.removeprefix(CONFIG_PREFIX).partition(SEPARATOR)
        near = difflib.get_close_matches(first.lower(), fields, n=1, cutoff=_CUTOFF)
        if not near:
            continue
        meant = f"{ENVIRONMENT_PREFIX}{near[0].upper()}{separator}{keys}"
        if meant in os.environ:
            continue
        _said.add(name)
        logger.warning(
            "%s in the environment is not read. Rename it to %s, or remove it", name, meant
        )
