"""What a page says after a redirect, and for how long it is kept."""

from __future__ import annotations

import time

from flask_chest_dashboard.file import DashboardFile
from flask_chest_dashboard.notices import Notices


def test_an_error_is_kept_for_an_hour_for_all_workers(tmp_path, monkeypatch):
    first, second = (Notices(DashboardFile(tmp_path / "file.sqlite3")) for _ in range(2))
    key = first.keep("it is down " * 1_000)
    assert second.text(key) == ("it is down " * 1_000)[:4_000]
    assert second.text("") == second.text("nonsense") == ""
    later = time.time() + 3_601
    monkeypatch.setattr(time, "time", lambda: later)
    assert second.text(key) == ""
