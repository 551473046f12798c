"""An application that serves a request to itself while it is loaded."""

from tracked import app

app.test_client().get("/")
