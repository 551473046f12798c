"""What the tests of the MongoDB store share."""

from __future__ import annotations

import threading

import pymongo
import pytest
from support.backends import Mongo
from support.leaks import new_threads, nothing_left, open_files
from support.mongo import PASSWORD, GuardedServer


@pytest.fixture(autouse=True, scope="module")
def no_leaks_at_the_end(warm_python):
    """Fail a file whose tests leave threads, connections or open files behind.

    What stays open for `warm_python` until the session ends is there before.
    """
    threads, files = set(threading.enumerate()), open_files()
    with nothing_left(lambda: [*new_threads(threads), *(open_files() - files)]):
        yield


@pytest.fixture(autouse=True)
def no_leaks():
    """Replace the check after each test: PyMongo's threads take half a second to end.

    Waiting for them after each test would take longer than the tests. `no_leaks_at_the_end` looks
    for them.
    """
    threads = set(threading.enumerate())
    with nothing_left(
        lambda: [t for t in new_threads(threads) if not t.name.startswith("pymongo_")]
    ):
        yield


@pytest.fixture
def backend(mongo):
    return Mongo(mongo)


@pytest.fixture(scope="session")
def guarded():
    with GuardedServer() as server:
        with pymongo.MongoClient(server.url()) as client:
            client.admin.command("createUser", "root", pwd="root", roles=["root"])
            for user, role in (("writer", "readWrite"), ("reader", "read")):
                roles = [{"role": role, "db": "shop"}]
                client.shop.command("createUser", user, pwd=PASSWORD, roles=roles)
        server.demand_passwords()
        yield server
        server.kill()  # quicker than to stop it


@pytest.fixture
def fail(guarded):
    """Return what makes commands of the server fail, through MongoDB's fail points."""
    with pymongo.MongoClient(guarded.url()) as client:

        def fail(times=1, **data):
            client.admin.command(
                {"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data}
            )

        yield fail
        client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
