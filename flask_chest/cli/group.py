"""The group `flask chest`."""

from __future__ import annotations

from typing import Final

from flask.cli import AppGroup

from flask_chest.cli.delivery import check, flush
from flask_chest.cli.plugins import plugins
from flask_chest.cli.read import records, routes, top

group: Final = AppGroup("chest", help="Deliver and read the records of Flask-Chest.")
for _command in (plugins, check, flush, records, routes, top):
    group.add_command(_command)
