"""An application that shows the failures and the lag of each exporter."""

from tracked import app, chest


@app.get("/exporters")
def exporters():
    return {name: [one.failures, one.lag_seconds] for name, one in chest.stats().exporters.items()}
