"""Hosts without a disk: a container with a read-only root, an ordinary user, and a grace period."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections import Counter

import pytest
from support.other_user import UID, needs_root, own, place_for_all
from support.pods import PROGRAMS, Container, Pod, arrived, environment, python
from support.serving import until

from flask_chest.settings.model import Settings
from flask_chest.testing import Relay

pytestmark = needs_root

GRACE_SECONDS = 30
"""terminationGracePeriodSeconds, unless a pod says otherwise."""

DEAD = "postgresql://127.0.0.1:1/nothing"
"""A database that is not there, which does not stop a start."""

HANDLED = """
import runpy, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
runpy.run_path("serve_waitress.py")
"""
"""Serves with waitress, which has no handler. Without one, the first process ignores SIGTERM."""

NEVER = 3_600
"""An export interval after which nothing is delivered but by the end of a process."""


@pytest.fixture
def place():
    with place_for_all() as folder:
        yield folder


@pytest.fixture
def source(place):
    """Return the folder of the application, which belongs to root."""
    return make_source(place / "app")


@pytest.fixture
def volume(place):
    """Return a folder of the container's user, as `fsGroup` or an init container makes it."""
    folder = place / "volume"
    folder.mkdir(mode=0o700)
    own(folder)
    return folder


@pytest.fixture
def relay(postgres_server):
    with Relay("127.0.0.1", postgres_server.port) as relay:
        yield relay


def through(relay, url):
    """Return the URL of a database through a relay."""
    server, _, database = url.rpartition("/")
    user = server.rpartition("@")[0]
    return f"{user}@127.0.0.1:{relay.address[1]}/{database}"


def make_source(folder):
    """Make a folder with the application, which belongs to root; return it."""
    folder.mkdir(mode=0o755)
    shutil.copy(PROGRAMS / "pod.py", folder / "app.py")
    return folder


def answered(*containers):
    """Return the request IDs of all answered requests."""
    return Counter(each for container in containers for each in container.answered)


def numbers(pattern, container):
    """Return the sum of the numbers in the lines of the log that fit a pattern."""
    return sum(map(int, re.findall(pattern, container.log())))


def about(container):
    return json.loads(container.get("/host")[0])


def assert_confined(container):
    found = about(container)
    assert found["user"] == UID
    assert found["writable"] == ["/dev/shm"]


def test_what_a_process_waits_for_at_its_end_leaves_half_of_the_grace_period():
    assert Settings.model_fields["shutdown_seconds"].default <= GRACE_SECONDS / 2


@pytest.mark.slow
def test_in_memory_all_is_delivered_on_sigterm(source, postgres):
    settings = {"journal": "memory", "export_interval_seconds": NEVER}
    with Pod() as pod, Container(pod, source, postgres, **settings) as shop:
        assert_confined(shop)
        shop.ask(times=40)
        assert arrived(postgres) == {}
        assert shop.end(signal.SIGTERM) == 0
        assert arrived(postgres) == answered(shop)
        assert "ERROR" not in shop.log()


@pytest.mark.slow
def test_in_memory_a_process_ends_in_time_and_says_what_is_lost_when_no_database_answers(
    source, postgres, relay
):
    relay.stall()
    settings = {"journal": "memory", "export_interval_seconds": NEVER}
    with Pod() as pod, Container(pod, source, through(relay, postgres), **settings) as shop:
        shop.ask(times=40)
        assert shop.end(signal.SIGTERM) == 0, "it ended by itself"
        assert numbers(r"Records end with this process \((\d+)\)", shop) == len(shop.answered)


@pytest.mark.slow
def test_a_server_of_one_process_delivers_on_sigterm_with_a_handler_of_its_own(source, postgres):
    settings = {"journal": "memory", "export_interval_seconds": NEVER}
    with (
        Pod() as pod,
        Container(pod, source, postgres, python("-c", HANDLED, "{fd}"), **settings) as shop,
    ):
        shop.ask(times=40)
        assert shop.end(signal.SIGTERM) == 0
        assert arrived(postgres) == answered(shop)


@pytest.mark.slow
def test_an_empty_dir_is_delivered_by_the_next_container_of_the_pod(place, postgres, relay):
    empty_dir = place / "journal"
    empty_dir.mkdir()
    settings = {"journal": empty_dir / "chest", "export_interval_seconds": 0.2}
    url = through(relay, postgres)
    with Pod(empty_dir=empty_dir, empty_dir_bytes=128 * 1024) as pod:
        relay.cut()
        with Container(pod, make_source(place / "one"), url, **settings) as shop:
            assert_confined(shop)
            shop.ask(times=200)  # more than there is room for
            assert shop.end(signal.SIGTERM) == 0
        assert 0 < lost_in(shop) < 200
        relay.restore()
        with Container(pod, make_source(place / "other"), url, **settings) as heir:
            # Its first records find no room. Its first request starts the delivery that makes some.
            heir.ask(lambda: not answered(heir).keys().isdisjoint(arrived(postgres)))
            assert heir.end(signal.SIGTERM) == 0
    found = arrived(postgres)
    assert found <= answered(shop, heir), "each at most once"
    assert found.total() == answered(shop, heir).total() - lost_in(shop) - lost_in(heir)


def lost_in(container):
    """Return how many records had no room, as its log has it."""
    return numbers(r"Records are lost \((\d+)\)", container)


@pytest.mark.slow
def test_pods_of_one_host_share_a_volume_and_one_leader(place, volume, postgres, relay):
    settings = {"journal": volume / "chest", "export_interval_seconds": 0.2}
    url = through(relay, postgres)
    with (
        Pod(volume=volume) as one,
        Pod(volume=volume) as other,
        Container(one, make_source(place / "one"), url, **settings) as first,
        Container(other, make_source(place / "other"), url, **settings) as second,
    ):
        shops = [first, second]
        for shop in shops:
            assert_confined(shop)
            shop.ask(times=20)
        until(lambda: arrived(postgres) == answered(*shops))
        [leading] = [shop for shop in shops if shop.leader() is not None]
        [heir] = [shop for shop in shops if shop is not leading]
        relay.cut()
        for shop in shops:
            shop.ask(times=20)
        leading.end(signal.SIGKILL)
        heir.ask(times=20)
        relay.restore()
        until(lambda: arrived(postgres) == answered(*shops))
        assert heir.leader() is not None
        assert heir.end(signal.SIGTERM) == 0
        assert arrived(postgres) == answered(*shops)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({}, "instance' cannot be created: Read-only file system. Set CHEST_JOURNAL to"),
        (
            {"journal": "/var/lib/shop/chest"},
            "CHEST_JOURNAL='/var/lib/shop/chest' cannot be written: Read-only file system. Give a ",
        ),
    ],
)
def test_a_journal_on_a_read_only_disk_stops_the_start_and_names_the_setting(
    source, settings, error
):
    with Pod() as pod:
        command = pod.command(*environment(DEAD, settings), *python("-c", "import app"))
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert error in done.stderr
