"""Random questions, of which rollups answer each as the records do, on every store."""

from __future__ import annotations

import pytest
from support.backends import SLOW
from support.rollup_questions import DECLARED, Asking

EXAMPLES = 15


@pytest.fixture(
    params=[
        "sqlite",
        "mongo",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("postgres", "mysql")),
        *SLOW,
    ]
)
def backend(request, backend_of):
    return backend_of(request.param)


@pytest.fixture
def store(backend):
    store = backend.new()
    store.rollups = DECLARED
    store.open()
    yield store
    store.close()


@pytest.mark.slow
def test_rollups_answer_random_questions_as_the_records_do(store):
    asking = Asking(store, seed=1)
    asking.deliver(40)
    used = 0
    for number in range(EXAMPLES):
        if number % 10 == 0:
            asking.host.lead()
        elif number % 10 == 4:  # the minutes of these stay marked for a while
            asking.host.delete(asking.deliver(4)[::2])
        used += asking.check()
    assert used > EXAMPLES / 2
