"""granian, as a WSGI server."""

from tests.compat.servers import ask

DISTRIBUTIONS = ("granian",)


def run(folder):
    ask(folder, "-m", "granian", "--interface=wsgi", "--port={port}", "tests.compat.served:app")
    return "plain, streamed, file and failed responses are one record each"
