"""Become another user, serve two requests of the application in this folder, and end at once.

Arguments: the number of the user, and "refused" when one of the records is to be refused. All is
imported before: that user may not be able to read the interpreter.
"""

import encodings.idna  # noqa: F401 - before the user changes
import os
import sys

import flask.testing  # noqa: F401 - before the user changes
import flask_chest_sqlite.store  # noqa: F401 - before the user changes

import flask_chest.extension  # noqa: F401 - before the user changes

os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))

from app import app  # noqa: E402 - as that user

client = app.test_client()
for name in ("ada", "bob"):
    assert client.get(f"/hello/{name}").text == name
os._exit(0)
