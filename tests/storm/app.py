"""The application under the storm. It is configured by the environment alone.

Whenever the journal says that it did not keep a record, the record's request ID goes through a pipe
to the storm, before the client has its response: so the storm knows of each single record, and not
only of their number, whether it was counted as dropped, also when the process is killed right
afterwards. A pipe and no file, as it is the disk that is full.
"""

from __future__ import annotations

import json
import os
import time

from flask import Flask, g, request, stream_with_context

from flask_chest import FlaskChest
from flask_chest.journal import DiskJournal
from tests.storm import sabotage
from tests.storm.notes import tell


def _append_and_tell(append):
    def telling(self, line):
        kept = append(self, line)
        if not kept:
            tell({"dropped": json.loads(line)["request_id"]})
        return kept

    return telling


sabotage.apply(os.environ.get(sabotage.VARIABLE))
DiskJournal.append = _append_and_tell(DiskJournal.append)

app = Flask(__name__)
chest = FlaskChest(app)


@app.get("/plain")
@chest.track("number", "user", "!secret")
def plain():
    g.number = int(request.args["number"])
    g.user = {"name": "Ünal", "roles": ["buyer", "\N{WATER WAVE}"]}
    g.secret = "never recorded"
    return "plain" * 20


@app.get("/stream")
@chest.track("number", "part")
def stream():
    g.number = int(request.args["number"])

    def body():
        for part in range(5):
            g.part = part
            time.sleep(0.004)  # so that a kill finds some in the middle
            yield f"part {part}\n" * 10

    return stream_with_context(body())


@app.get("/raise")
@chest.track
def fail():
    g.number = int(request.args["number"])
    raise RuntimeError("what the storm asked for")


@app.post("/large")
@chest.track
def large():
    # Many pages of the journal's file: where a kill or a full disk finds the middle of a line.
    size = int(request.args["number"]) % 20_000
    g.text = "\N{LATIN SMALL LETTER E WITH ACUTE}\n" * (size // 2)
    g.numbers = list(range(size // 10))
    return {"size": size}, 201


app.logger.disabled = True  # the tracebacks of /raise


def tell_counters():
    """Send this process's counters, which is done when it ends in good order."""
    with app.app_context():
        stats = chest.stats()
    tell(
        {
            "counted": stats.dropped,
            "plugin_errors": stats.plugin_errors,
            "exporters": {
                name: {
                    "rejected": exporter.rejected,
                    "failures": exporter.failures,
                    "dropped": getattr(exporter, "dropped", {}),
                }
                for name, exporter in stats.exporters.items()
            },
        }
    )
