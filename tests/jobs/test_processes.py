"""Jobs of processes that serve no request: their records arrive, however the process ends."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest


def program(*lines):
    return "\n".join(
        ["if __name__ == '__main__':", *(f"    {line}" for line in ("import shop", *lines))]
    )


@pytest.fixture
def run(host):
    """Return a function that runs lines of Python, also with processes that are spawned."""

    def run(*lines, code=0):
        path = host.folder / "program.py"
        path.write_text(program(*lines))
        return host.run(path, code=code).split()

    return run


@pytest.mark.parametrize(
    ("end", "code", "error"),
    [
        ("pass", 0, None),
        pytest.param("sys.exit()", 0, None, marks=pytest.mark.slow),
        ("sys.exit(0)", 0, None),
        pytest.param(
            "import click; raise click.exceptions.Exit(0)", 1, None, marks=pytest.mark.slow
        ),
        ("sys.exit(3)", 3, "SystemExit"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("raise KeyboardInterrupt", None, "KeyboardInterrupt"),
    ],
)
def test_a_script_that_ends_in_its_block_has_delivered_its_record(host, run, end, code, error):
    run("import sys", "with shop.chest.record('script', rows=1):", f"    {end}", code=code)
    found = host.records()
    assert found["script"]["variables"] == {"rows": 1}
    assert found["script"]["error"] == error


@pytest.mark.slow
def test_a_script_that_cannot_deliver_leaves_its_record_to_the_next_process(host, run):
    run("with shop.chest.record('first'): pass")
    with contextlib.closing(sqlite3.connect(host.database)) as connection:
        connection.execute("BEGIN EXCLUSIVE")  # no other process can write
        run("with shop.chest.record('killed'): pass", "import os", "os._exit(9)", code=9)
    assert sorted(host.records()) == ["first"]
    run("with shop.chest.record('next'): pass")
    assert sorted(host.records()) == ["first", "killed", "next"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_of_multiprocessing_delivers_at_its_end(host, run, method):
    run(
        "import multiprocessing",
        f"context = multiprocessing.get_context({method!r})",
        "process = context.Process(target=shop.work, args=(7,))",
        "process.start()",
        "process.join()",
        "import os",
        "os._exit(process.exitcode)",  # this process delivers nothing
    )
    assert host.records()["work"]["variables"] == {"number": 7}


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.slow
def test_the_request_id_goes_along_into_another_process(host, run, method):
    outer, inner, none = run(
        "import multiprocessing",
        "from concurrent.futures import ProcessPoolExecutor",
        "from flask_chest import current_request_id, with_request_id",
        f"context = multiprocessing.get_context({method!r})",
        "with shop.chest.record('outer') as job, ProcessPoolExecutor(1, context) as pool:",
        "    print(job.request_id)",
        "    print(pool.submit(with_request_id(shop.work), 7).result())",
        "    print(pool.submit(current_request_id).result())",
    )
    assert inner == outer
    found = host.records()
    assert found["work"]["request_id"] == found["outer"]["request_id"] == outer
    assert found["work"]["id"] != found["outer"]["id"]
    # A forked process has the context of the block in which it was forked.
    assert none == (outer if method == "fork" else "None")


def test_a_child_that_is_forked_in_a_job_does_not_write_the_record_of_its_parent(host, run):
    run(
        "import os",
        "with shop.chest.record('parent'):",
        "    if not (child := os.fork()):",
        "        shop.work(1)",
        "        raise SystemExit",
        "    os.waitpid(child, 0)",
    )
    found = host.records()
    assert sorted(found) == ["parent", "work"]
    assert found["parent"]["error"] is None
    assert found["parent"]["instance"] != found["work"]["instance"]


def test_jobs_of_threads_arrive(host, run):
    run(
        "from concurrent.futures import ThreadPoolExecutor",
        "import threading",
        "barrier = threading.Barrier(4)",
        "def work(number):",
        "    with shop.chest.record(f'work-{number}') as job:",
        "        barrier.wait(60)",
        "        job['number'] = number",
        "with ThreadPoolExecutor(4) as pool:",
        "    list(pool.map(work, range(4)))",
    )
    found = host.records()
    assert {route: row["variables"] for route, row in found.items()} == {
        f"work-{number}": {"number": number} for number in range(4)
    }
    assert len({row["request_id"] for row in found.values()}) == 4
