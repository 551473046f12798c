"""The commands give the answers of a SQLite file about a copy of it in ClickHouse and in a lake."""

from __future__ import annotations

import pytest

QUESTIONS = (
    ("query", "--limit", 30, "--columns", "path,status_code,duration_ms,user_id,plan.name,note"),
    (
        *("query", "--where", "model == 'large' or plan.name == 'pro'", "--since", "7d"),
        *("--order-by", "request_id", "--columns", "request_id,tenant,cost_usd,cart_total"),
    ),
    ("show", "r-3-14"),
    ("routes",),
    ("top", "tenant"),
    ("measure", "count", "p95(duration_ms)", "sum(cost_usd)", "--by", "tenant", "--every", "7d"),
    ("compare", "status_code >= 500"),
)


@pytest.fixture(params=["clickhouse", "lake"])
def copied(request, ask, tmp_path):
    """Return the URL of a store with what the shop has."""
    if request.param == "lake":
        url = f"parquet:///{tmp_path / 'lake'}"
    else:
        url = request.getfixturevalue(request.param)
    ask("copy", "--from", "main", "--to", url)
    return url


def test_every_command_that_asks_gives_the_same_answer(ask, copied):
    for question in QUESTIONS:
        expected = ask(*question, "--format", "json") if question[0] != "show" else ask(*question)
        found = ask(*question, *(() if question[0] == "show" else ("--format", "json")), url=copied)
        assert found.stdout == expected.stdout, question
        assert expected.stdout


def test_all_is_well_and_an_erasure_forgets_a_person_there(ask, copied):
    assert "warning" not in ask("check", url=copied).stdout
    erased = ask("erase", "user_id == 'u-1'", "--yes", url=copied)
    assert "erased" in erased.stdout
    left = ask("top", "user_id", "--format", "json", url=copied).stdout
    assert "u-1" not in left
    assert "u-2" in left
