"""The application under the storm, configured by the environment alone.

When the journal does not keep a record, the application sends its request ID through a pipe to the
storm before the client has the response. So the storm knows each dropped record, and not only their
number, even when the process is killed right afterwards. It is a pipe because the disk is full.
"""

from __future__ import annotations

import json
import os
import time

from flask import Flask, g, request, stream_with_context

from flask_chest import FlaskChest
from flask_chest.journal import DiskJournal
from tests.storm import sabotage
from tests.storm.notes import send


def _append_and_send(append):
    def sending(self, line):
        kept = append(self, line)
        if not kept:
            send({"dropped": json.loads(line)["request_id"]})
        return kept

    return sending


sabotage.apply(os.environ.get(sabotage.VARIABLE))
DiskJournal.append = _append_and_send(DiskJournal.append)

app = Flask(__name__)
chest = FlaskChest(app)


@app.get("/plain")
@chest.track("number", "user", "customer", "!secret")
def plain():
    g.number = int(request.args["number"])
    g.customer = request.args.get("customer")
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
            time.sleep(0.004)  # so that a kill interrupts some
            yield f"part {part}\n" * 10

    return stream_with_context(body())


@app.get("/raise")
@chest.track
def fail():
    g.number = int(request.args["number"])
    raise RuntimeError("requested by the storm")


@app.post("/large")
@chest.track
def large():
    # A line of many pages, so that a kill or a full disk interrupts its write.
    size = int(request.args["number"]) % 20_000
    g.text = "\N{LATIN SMALL LETTER E WITH ACUTE}\n" * (size // 2)
    g.numbers = list(range(size // 10))
    return {"size": size}, 201


app.logger.disabled = True  # tracebacks of /raise


def send_counters():
    """Send the counters of this process, which ends regularly."""
    with app.app_context():
        stats = chest.stats(process=True)
    send(
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
