"""hypercorn, as a WSGI server."""

from tests.compat.servers import ask

DISTRIBUTIONS = ("hypercorn",)


def run(folder):
    ask(folder, "-m", "hypercorn", "--bind=127.0.0.1:{port}", "wsgi:tests.compat.served:app")
    return "plain, streamed, file and failed responses are one record each"
