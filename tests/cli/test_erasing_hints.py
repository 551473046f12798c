"""`erase` says why it found nothing: the filter has a wrong type or a misspelt name."""

from __future__ import annotations

import shutil

import pytest

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("lake", "clickhouse")]


@pytest.fixture(params=["sqlite", *SLOW])
def stored(request, ask, shop, tmp_path):
    """Return the URL of a store with what the shop has, for each way to ask one."""
    if request.param == "sqlite":
        copy = tmp_path / "copy.sqlite3"
        shutil.copy(shop.removeprefix("sqlite:///"), copy)
        return f"sqlite:///{copy}"
    if request.param == "lake":
        url = f"parquet:///{tmp_path / 'lake'}"
    else:
        url = request.getfixturevalue("clickhouse")
    ask("copy", "--from", "main", "--to", url)
    return url


@pytest.mark.parametrize("way", ["--yes", "--dry-run"])
def test_a_wrong_type_or_a_misspelt_name_is_said_and_ends_with_1(ask, stored, way):
    done = ask("erase", "cart_total == '12.5'", way, url=stored, code=1)
    assert done.stdout.startswith("main: 0 records")
    assert "main: cart_total is a number here: write 12.5\n" in done.stderr
    assert "Error: No record was found with cart_total == '12.5': see above" in done.stderr
    done = ask("erase", "usr_id in ('u-1', 'u-2')", way, "--json", url=stored, code=1)
    assert "No record has 'usr_id'. Near: user_id\n" in done.stderr
    for text, hint in [
        ("user_id == 1", "main: user_id is a text here: write '1'"),
        ("plan.nam == 'pro'", "No record has 'plan.nam'. Near: plan.name, plan"),
        ("tenant == 'acme' and user_id == 0", "main: user_id is a text here: write '0'"),
        ("contains(cart_total, '1')", "main: cart_total is a number here, and no text"),
    ]:
        assert f"{hint}\n" in ask("erase", text, way, url=stored, code=1).stderr


def test_a_part_of_an_or_that_cannot_match_is_said_although_another_part_did(ask, stored):
    where = "user_id == 1 or usr_id == 'u-1' or contains(path, '/checkout/13')"
    done = ask("erase", where, "--yes", url=stored, code=0)
    assert "main: 14 records erased" in done.stdout
    assert done.stderr.splitlines() == [
        "main: user_id is a text here: write '1'",
        "No record has 'usr_id'. Near: user_id",
    ]


def test_a_second_erasure_and_a_person_who_was_never_there_end_with_0_and_no_hint(ask, stored):
    for where in ("user_id == 'u-1'", "user_id == 'u-1'", "cart_total == 1e9", "user_id == 'x'"):
        assert not ask("erase", where, "--yes", url=stored, code=0).stderr


def test_the_last_person_of_a_store_leaves_no_hint(ask, stored):
    done = ask("erase", "user_id is not None and tenant is not None", "--yes", url=stored, code=0)
    assert not done.stderr
    assert not ask("erase", "user_id == 3", "--yes", url=stored, code=0).stderr


def test_records_that_only_wait_give_the_same_hint(place):
    place.record_three()
    for way in ("--dry-run", "--yes"):
        done = place.flask("erase", "user == 3 or usr == 'ada'", way, code=1)
        assert "journal: user is a text here: write '3'\n" in done.stderr
        assert "No record has 'usr'. Near: user\n" in done.stderr
    assert "records erased" in place.flask("erase", "user == 'ada'", "--yes", code=0).stdout


def test_a_hint_that_several_places_give_is_said_once(delivered):
    delivered.record_three()
    done = delivered.flask("erase", "user == 3", "--yes", code=1)
    assert "main, journal: user is a text here: write '3'\n" in done.stderr
