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
