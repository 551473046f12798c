"""An application whose views fork, and start processes."""

import multiprocessing
import os
import subprocess
import sys

from flask import g
from tracked import app, chest

forks = []
os.register_at_fork(before=lambda: forks.append(1))


def serve_one():
    with app.test_client() as client:
        client.get("/")


@app.get("/fork/<end>")
@chest.track("pid")
def fork(end):
    g.pid = os.getpid()
    child = os.fork()
    if child == 0:
        serve_one()
        if end == "view":
            sys.exit(3)
        os._exit(0)
    os.waitpid(child, 0)
    return str(child)


@app.get("/multiprocessing/<method>")
@chest.track("pid")
def start_process(method):
    g.pid = os.getpid()
    process = multiprocessing.get_context(method).Process(target=serve_one)
    process.start()
    process.join()
    assert process.exitcode == 0
    return str(process.pid)


@app.get("/subprocess")
@chest.track("pid")
def start_subprocesses():
    g.pid = os.getpid()
    del forks[:]
    for _ in range(5):
        files = subprocess.run(
            ["ls", "-l", "/proc/self/fd"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            close_fds=False,
        ).stdout
    return {"forks": len(forks), "files": files}
