"""The group `flask chest`."""

from __future__ import annotations

from typing import Final

from flask.cli import with_appcontext

from flask_chest.cli.application import begin
from flask_chest.cli.check import check
from flask_chest.cli.delivery import flush
from flask_chest.cli.output import Group
from flask_chest.cli.plugins import plugins
from flask_chest.cli.read import records, routes, top
from flask_chest.cli.status import status
from flask_chest.runtime.command import GROUP

COMMANDS: Final = (status, check, flush, plugins, records, routes, top)

group: Final = Group(
    GROUP, help="Deliver and read the records of Flask-Chest.", callback=with_appcontext(begin)
)
for _command in COMMANDS:
    group.add_command(_command)
