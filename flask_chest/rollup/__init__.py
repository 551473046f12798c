"""Rollups: what is asked most, in tables that are far smaller than the records.

Its modules are imported when they are first used, as those of `flask_chest.query`. The one process
of a host that delivers needs them, and who asks a question.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from flask_chest.rollup.cubes import Cubes, Series, series_of
    from flask_chest.rollup.declaration import Declaration
    from flask_chest.rollup.frozen import freeze, purging
    from flask_chest.rollup.keeper import Keeper
    from flask_chest.rollup.keeping import deleting, maintainer
    from flask_chest.rollup.lookout import Lookout
    from flask_chest.rollup.maintenance import Maintainer
    from flask_chest.rollup.plan import Planned
    from flask_chest.rollup.rows import Row
    from flask_chest.rollup.state import State
    from flask_chest.rollup.storage import Change, Mark, Overtaken, RollupStorage
    from flask_chest.rollup.verification import Difference, rebuild, verify

__all__ = [
    "Change",
    "Cubes",
    "Declaration",
    "Difference",
    "Keeper",
    "Lookout",
    "Maintainer",
    "Mark",
    "Overtaken",
    "Planned",
    "RollupStorage",
    "Row",
    "Series",
    "State",
    "deleting",
    "freeze",
    "maintainer",
    "purging",
    "rebuild",
    "series_of",
    "verify",
]

_MODULES: Final = {
    "Change": "storage",
    "Cubes": "cubes",
    "Difference": "verification",
    "Keeper": "keeper",
    "Lookout": "lookout",
    "Maintainer": "maintenance",
    "deleting": "keeping",
    "maintainer": "keeping",
    "Declaration": "declaration",
    "Mark": "storage",
    "Overtaken": "storage",
    "Planned": "plan",
    "RollupStorage": "storage",
    "Row": "rows",
    "Series": "cubes",
    "State": "state",
    "freeze": "frozen",
    "purging": "frozen",
    "rebuild": "verification",
    "series_of": "cubes",
    "verify": "verification",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any attribute; PEP 562
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
