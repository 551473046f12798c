"""flask-sock under gunicorn, which it tells by `StopIteration` that the connection is its own."""

from tests.compat.servers import running
from tests.compat.support import check, read
from tests.compat.websocket import echo_one_word

DISTRIBUTIONS = ("flask-sock", "gunicorn")


def run(folder):
    command = (
        "-m",
        "gunicorn",
        "--threads=4",
        "--bind=127.0.0.1:{port}",
        "tests.compat.served:app",
    )
    with running(folder, *command, using="flask_sock") as url:
        echo_one_word(url)
        [row] = read(folder / "chest.sqlite3", 1)
    check(row, path="/echo", error=None, variables={"messages": 1})
    return "a connection is one record, written at its end, without an error"
