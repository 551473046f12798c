"""waitress."""

from tests.compat.servers import ask

DISTRIBUTIONS = ("waitress",)


def run(folder):
    ask(folder, "-m", "waitress", "--listen=127.0.0.1:{port}", "tests.compat.served:app")
    return "plain, streamed, file and failed responses are one record each"
