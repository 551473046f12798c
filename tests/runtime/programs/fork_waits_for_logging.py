"""A thread logs in a `held_off` block while another one forks: the block ends first."""

from flask_chest.runtime import fork  # isort: skip - before `logging`, as an application may do

import logging
import os
import threading
import time

fork._gates.moments._patience_seconds = 60.0  # however slow the machine is
logging.basicConfig(level=logging.INFO, filename=os.devnull)
inside, forking = threading.Event(), threading.Event()
ended = []


def work():
    with fork.held_off():
        inside.set()
        forking.wait()
        time.sleep(0.1)  # the fork has taken the locks that it takes first
        logging.getLogger("shop").info("in the block")
        ended.append(True)


os.register_at_fork(before=forking.set)  # the last to be registered, and so the first to run
thread = threading.Thread(target=work)
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    os._exit(0 if ended else 1)
thread.join()
assert os.waitpid(child, 0)[1] == 0, "the fork did not wait for the block"
