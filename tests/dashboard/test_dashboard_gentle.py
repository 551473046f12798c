"""The application's threads run soon while the dashboard computes."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from flask_chest_dashboard.gentle import INTERVAL_SECONDS, gentle


def test_the_switch_interval_is_short_while_a_page_is_made_and_then_as_before(shop):
    seen = []

    def allow(_request):
        return True

    app = shop(dashboard_allow=allow)
    before = sys.getswitchinterval()
    asker = app.chest.stats

    def stats(*arguments, **options):
        seen.append(sys.getswitchinterval())
        return asker(*arguments, **options)

    app.chest.stats = stats
    assert app.test_client().get("/chest/delivery/now").status_code == 200
    assert seen
    assert seen == pytest.approx([INTERVAL_SECONDS] * len(seen))
    assert sys.getswitchinterval() == before


def test_the_last_of_several_puts_the_interval_back_whatever_it_raises():
    before = sys.getswitchinterval()
    inside, go_on = threading.Event(), threading.Event()

    def work():
        with gentle():
            inside.set()
            go_on.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(60)
    with pytest.raises(ZeroDivisionError), gentle():
        _ = 1 / 0
    assert sys.getswitchinterval() == pytest.approx(INTERVAL_SECONDS)
    go_on.set()
    thread.join()
    assert sys.getswitchinterval() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_forked_child_has_the_interval_of_before():
    before = sys.getswitchinterval()
    with gentle():
        child = os.fork()
        if not child:
            os._exit(0 if sys.getswitchinterval() == before else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_an_application_that_is_gentler_itself_stays_so():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    gentler = sys.getswitchinterval()
    try:
        with gentle():
            assert sys.getswitchinterval() == gentler
        assert sys.getswitchinterval() == gentler
    finally:
        sys.setswitchinterval(before)
