"""The filter that chooses the records of a group."""

from __future__ import annotations

import pytest

from flask_chest import query


@pytest.mark.parametrize("value", [1, 0.5, True, "it's", 'a "b"\n', "\u202e<script>", None])
def test_the_filter_of_a_value_chooses_that_value_alone(value):
    chosen = query.parse(query.condition_of("variables['odd name']", value))
    found = [
        each
        for each in (1, 0.5, True, "it's", 'a "b"\n', "\u202e<script>", None, {}, [])
        if chosen.matches({"variables": {"odd name": each}})
    ]
    assert [(type(each), each) for each in found] == [(type(value), value)]


@pytest.mark.parametrize("value", [query.OBJECT, query.LIST])
def test_a_dict_and_a_list_have_no_filter(value):
    assert query.condition_of("cart", value) is None
    assert query.others_of("cart", value) is None


@pytest.mark.parametrize("value", ["acme", "it's", 5, None])
def test_the_filter_of_all_others_chooses_what_has_no_value_too(value):
    chosen = query.parse(query.others_of("tenant", value))
    found = [
        each
        for each in ({"tenant": "globex"}, {"tenant": value}, {"tenant": 7}, {"tenant": None}, {})
        if chosen.matches({"variables": each})
    ]
    if value is None:
        assert found == [{"tenant": "globex"}, {"tenant": 7}]
    else:
        same = {"tenant": 7} if value == 5 else {"tenant": "globex"}
        assert found == [same, {"tenant": None}, {}]


def test_the_filter_of_all_others_knows_which_fields_are_never_null():
    assert query.others_of("method", "GET") == "method != 'GET'"
    assert query.others_of("route", "/pay") == "route != '/pay' or route is None"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("tenant",), "tenant"),
        (("odd name",), "variables['odd name']"),
        (("path",), "variables['path']"),
        (("user", "plan"), "user.plan"),
        (("user", "odd key"), "user['odd key']"),
        (("request.headers.x-plan",), "variables['request.headers.x-plan']"),
        (("app.release",), "app.release"),
    ],
)
def test_a_variable_is_written_so_that_a_filter_reads_it(path, text):
    assert query.written(query.Variable(path)) == text
    assert query.name(text) == query.Variable(path)
