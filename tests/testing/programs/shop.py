"""An application whose records the tests in shop_tests.py collect."""

from flask import Flask, g

from flask_chest import FlaskChest

chest = FlaskChest(journal="memory")


def create_app():
    app = Flask(__name__)
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def home():
        g.user_id = 7
        return ""

    return app
