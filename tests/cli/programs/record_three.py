"""Records three requests, and exits without delivery, like a killed process."""

import os

from app import app

client = app.test_client()
for name in ("ada", "ada", "bob"):
    client.get(f"/hello/{name}")
os._exit(0)
