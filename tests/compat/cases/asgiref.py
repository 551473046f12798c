"""asgiref's WsgiToAsgi, under hypercorn."""

from tests.compat.servers import ask

DISTRIBUTIONS = (
    "asgiref",
    "hypercorn",
)


def run(folder):
    ask(
        folder,
        "-m",
        "hypercorn",
        "--bind=127.0.0.1:{port}",
        "tests.compat.served:asgi",
        using="asgiref",
    )
    return "plain, streamed, file and failed responses are one record each"
