"""a2wsgi, under uvicorn."""

from tests.compat.servers import ask

DISTRIBUTIONS = (
    "a2wsgi",
    "uvicorn",
)


def run(folder):
    ask(folder, "-m", "uvicorn", "--port={port}", "tests.compat.served:asgi", using="a2wsgi")
    return "plain, streamed, file and failed responses are one record each"
