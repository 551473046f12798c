"""examples/gunicorn, as its README.md says."""

from __future__ import annotations

import signal

import httpx
import pytest
from support.waiting import until


@pytest.mark.slow
def test_all_workers_record_and_the_end_delivers(example, port):
    served = example("gunicorn")
    settings = {"BIND": f"127.0.0.1:{port}", "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "3600"}
    settings |= {"HOME": "~", "XDG_RUNTIME_DIR": ""}  # as a user without an entry has it
    client, gunicorn = served.serve("gunicorn", port=port, **settings)
    seen = []

    def answered_by_all():
        with httpx.Client(base_url=client.base_url, timeout=60) as new:  # any worker may answer
            seen.append(new.get("/").headers["X-Request-ID"])
        return len(list(served.folder.glob("instance/chest/segments/*.jsonl"))) == 3

    client.close()
    until(answered_by_all)
    status = served.flask("chest", "status")
    assert "records" in status
    gunicorn.send_signal(signal.SIGTERM)
    assert gunicorn.wait(60) == 0
    records = served.records(len(seen))
    assert {each.request_id for each in records} == set(seen)
    assert len({each.variables["worker"] for each in records}) == 3
    assert "Traceback" not in served.said()
    assert "ERROR" not in served.said()
    assert not (served.folder / "~").exists()
