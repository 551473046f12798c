"""An application that says how it began, serves as often as it is told, and ends when told nothing.

Arguments: the journal, CHEST_EXPORTERS in JSON, and the seconds to wait for other processes.
"""

import json
import os
import sys

from flask import Flask

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError
from flask_chest.journal import access

access.WAIT_SECONDS = float(sys.argv[3])
app = Flask("shop")
try:
    chest = FlaskChest(
        app,
        journal=sys.argv[1],
        exporters=json.loads(sys.argv[2]),
        export_interval_seconds=1_000.0,
        shutdown_seconds=60.0,
    )
except ConfigurationError as error:
    print(f"refused: {error}", flush=True)
    sys.exit(1)
app.get("/<int:number>")(chest.track(lambda number: f"{number}"))
print("began", flush=True)
for line in sys.stdin:
    if line == "fork\n":
        child = os.fork()
        if child == 0:
            app.test_client().get("/99")
            print("flushed" if chest.flush(60) else "waits", flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    else:
        app.test_client().get(f"/{line.strip()}")
        print(f"dropped {chest.stats().dropped}", flush=True)
