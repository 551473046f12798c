"""An application for the commands."""

from flask import Flask, g

from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(app)


@app.get("/hello/<name>")
@chest.track
def hello(name):
    g.user = name
    return name
