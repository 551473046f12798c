"""An application whose settings come from the environment; the test says what it runs."""

from flask import Flask, g

from flask_chest import FlaskChest, current_request_id

app = Flask("shop")
chest = FlaskChest(app)


@chest.job("number")
def work(number):
    g.number = number
    return current_request_id()
