"""`flask chest import`: names of files and request IDs that are no UTF-8, or no text at all."""

from __future__ import annotations

import os
from urllib.parse import quote

import pytest


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "sqlite:///{quoted}"])
def test_a_name_that_is_no_utf_8_is_taken(target, form):
    odd = os.fsdecode(bytes(target.old.parent) + b"/\xff 100% ?\xe9.sqlite3")
    if form == "sqlite:///{}":  # where `%` and `?` have a meaning
        odd = odd.replace("%", "").replace("?", "")
    target.old.rename(odd)
    place = form.format(odd, quoted=quote(os.fsencode(odd)))
    assert target.take(old=place).stdout.startswith("35 rows: 9 records")


def test_a_request_id_that_is_there_as_bytes_and_as_a_text_is_one_record(target):
    rows = [(b"order-1", "more", "x"), (b"new", "a", "1"), ("new", "b", "2"), (b"\xff", "c", "3")]
    target.write([*rows, (b"", "d", "4"), (b"", "e", "5")])
    done = target.take()
    assert done.stdout == "41 rows: 13 records imported, 0 were there, 0 refused\n"
    assert "4 rows without a request ID: each is a record of its own" in done.stderr
    records = target.records()
    assert records["order-1"].variables["more"] == "x"
    assert records["new"].variables == {"a": "1", "b": "2"}
    assert records["\ufffd"].variables == {"c": "3"}
    assert target.take().stdout == "41 rows: 0 records imported, 13 were there, 0 refused\n"


def test_a_service_that_is_no_utf_8_is_refused(target):
    done = target.take(service=os.fsdecode(b"s\xff"), code=2)
    assert r"'s\udcff' is no UTF-8" in done.stderr
