"""cheroot."""

from tests.compat.servers import ask

DISTRIBUTIONS = ("cheroot",)


def run(folder):
    ask(folder, "-m", "tests.compat.served", "{port}")
    return "plain, streamed, file and failed responses are one record each"
