"""An application that shows the counters of the host, and those of the process that answers."""

from flask import request
from tracked import app, chest


@app.get("/counters")
def counters():
    stats = chest.stats(process="process" in request.args)
    main = stats.exporters["main"]
    return {
        "scope": stats.scope,
        "recorded": stats.recorded,
        "suppressed": stats.suppressed,
        "delivered": main.delivered,
        "pending_records": main.pending_records,
        "processes": stats.processes,
        "leader": stats.leader and stats.leader.pid,
    }


@app.get("/private")
@chest.track
def private():
    chest.drop_request()
    return "not recorded"
