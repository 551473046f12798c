"""Run a function in a process of its own: see `Backend.start`.

``python -m flask_chest.testing.run_program module:function module:ExporterClass configuration``
"""

from __future__ import annotations

import json
import pkgutil
import sys

from flask_chest.exporter import Exporter


def main(program: str, exporter: str, configuration: str) -> None:
    """Call `program` with a function that returns a new exporter."""
    kind: type[Exporter] = pkgutil.resolve_name(exporter)

    def new() -> Exporter:
        return kind(kind.config_model.model_validate(json.loads(configuration)))

    pkgutil.resolve_name(program)(new)


if __name__ == "__main__":
    main(*sys.argv[1:])
