"""Flask-Compress: another body in the place of the view's."""

from flask import Flask, g
from flask_compress import Compress

from tests.compat.support import Case, check

DISTRIBUTIONS = ("flask-compress",)


def run(folder):
    case = Case(folder)
    chest = case.make_chest()
    app = Flask("shop")
    app.config["COMPRESS_STREAMS"] = True
    Compress(app)

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "x" * 5_000

    @app.get("/stream")
    @chest.track("user_id")
    def stream():
        g.user_id = "u-2"
        return app.response_class((b"x" * 1_000 for _ in range(5)), mimetype="text/plain")

    chest.init_app(app)
    with case.client(app) as client:
        answers = [
            client.get(path, headers={"Accept-Encoding": "gzip"}) for path in ("/", "/stream")
        ]
    assert answers[0].headers["Content-Encoding"] == "gzip"
    assert [len(answer.content) for answer in answers] == [5_000, 5_000]
    whole, streamed = case.records(2)
    check(whole, status_code=200, variables={"user_id": "u-1"})
    check(streamed, status_code=200, variables={"user_id": "u-2"})
    return "compressed bodies, streamed ones too, arrive whole; one record each"
