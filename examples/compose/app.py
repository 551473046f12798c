"""A shop whose records go to every database."""

from __future__ import annotations

from flask import Flask, g

from flask_chest import FlaskChest

app = Flask("shop")
chest = FlaskChest(app)  # all settings are in the environment


@app.get("/orders/<int:number>")
@chest.track("tenant", "total_cents")
def order(number: int) -> dict[str, int]:
    g.tenant = "acme" if number % 3 else "globex"
    g.total_cents = number * 100
    return {"order": number}
