"""What one `@chest.track` asks for, by HTTP method, and what two on one view ask for together."""

from __future__ import annotations

import pytest
from support.values_page import refused_patterns

from flask_chest.capture.track_rule import TrackRule
from flask_chest.encode.patterns import HTTP_METHODS, NOTHING
from flask_chest.errors import ConfigurationError

pytestmark = pytest.mark.opens_nothing


def parse(variables, setting="track"):
    return TrackRule.parse(variables, setting=setting)


def taken(rule, method):
    patterns = rule.patterns(method)
    return patterns.names, patterns.has_wildcards


def test_one_list_holds_for_all_methods():
    rule = parse(["user_id", "cart_*"])
    for method in (*HTTP_METHODS, "PROPFIND"):
        assert taken(rule, method) == (("user_id",), True)


def test_each_method_has_its_own_list():
    rule = parse({"GET": ["a"], "post": ["b", "c_*"]})
    assert taken(rule, "GET") == (("a",), False)
    assert taken(rule, "POST") == (("b",), True)


def test_a_method_that_is_absent_records_no_variables():
    rule = parse({"GET": ["a"]})
    assert rule.patterns("POST") is NOTHING
    assert parse({}).patterns("GET") is NOTHING
    assert taken(parse({"GET": []}), "GET") == ((), False)


def test_head_follows_get_unless_it_has_a_list_of_its_own():
    assert taken(parse({"get": ["a"]}), "HEAD") == (("a",), False)
    own = parse({"GET": ["a"], "HEAD": ["b"]})
    assert taken(own, "HEAD") == (("b",), False)
    assert taken(own, "GET") == (("a",), False)
    assert taken(parse({"HEAD": ["b"]}), "GET") == ((), False)


def test_a_single_name_needs_no_list():
    assert taken(parse("user_id"), "GET") == (("user_id",), False)
    assert taken(parse({"GET": "user_id"}), "GET") == (("user_id",), False)


def test_a_rule_above_another_takes_what_either_takes_and_neither_excludes():
    def names(lower, upper, method="GET"):
        patterns = parse(upper).above(parse(lower)).patterns(method)
        return list(patterns.choose(dict.fromkeys(["a", "b", "c_secret", "_d"], 1)))

    assert names(["a"], ["b"]) == ["a", "b"]
    assert names(["a"], ["b"], "PROPFIND") == ["a", "b"]
    assert names(["*", "!b"], ["c_*"]) == ["a", "c_secret"]
    assert names(["!*_secret"], ["b"]) == ["b", "a"], "exclusions alone mean everything else"
    assert names({"GET": ["a"]}, ["b"]) == ["a", "b"]
    assert names({"GET": ["a"]}, ["b"], "POST") == ["b"]
    assert names({"GET": ["a"]}, {"POST": ["b"]}, "HEAD") == ["a"]
    assert names({"GET": ["a"]}, {"POST": ["b"]}, "PUT") == []
    with pytest.raises(ConfigurationError, match=r"^stacked @chest.track: 'a' can match nothing"):
        names(["a"], ["!a"])


def test_a_rule_above_another_takes_precedence_for_generator_and_sample_rate():
    def generator(request):
        return "id"

    lower = TrackRule.parse(["a"], setting="track", generator=generator, sample_rate=0.5)
    assert parse(["b"]).above(lower).generator is generator
    assert parse(["b"]).above(lower).sample_rate == 0.5
    upper = TrackRule.parse(["b"], setting="track", sample_rate=0.0)
    assert upper.above(lower).sample_rate == 0.0


def test_the_exclusions_of_an_outer_rule_hold_by_method():
    outer = parse({"GET": ["!a"], "POST": ["!total"]}, "CHEST_VARIABLES")
    names = ["a", "b_secret", "total"]

    def chosen(method):
        patterns = parse(["*"]).patterns(method).within([outer.patterns(method)])
        return list(patterns.choose(dict.fromkeys(names, 1)))

    assert chosen("GET") == ["b_secret", "total"]
    assert chosen("HEAD") == ["b_secret", "total"]
    assert chosen("POST") == ["a", "b_secret"]
    assert chosen("PUT") == names


def test_an_error_in_the_list_of_a_method_names_the_method():
    with pytest.raises(ConfigurationError, match="no variable") as refused:
        parse({"GET": ["fine", "user id"]})
    assert refused.value.setting == "track['GET']"


def test_the_page_names_methods_that_are_refused():
    mappings = [patterns[0] for patterns in refused_patterns() if isinstance(patterns[0], dict)]
    assert mappings
    for mapping in mappings:
        with pytest.raises(ConfigurationError):
            parse(mapping)


@pytest.mark.parametrize(
    ("methods", "culprit", "hint"),
    [
        ({"GETT": ["a"]}, "'GETT'", "Did you mean 'GET'?"),
        ({"gett": ["a"]}, "'gett'", "Did you mean 'GET'?"),
        ({"GET": ["a"], "POSTS": ["a"]}, "'POSTS'", "Did you mean 'POST'?"),
        ({"XYZZY": ["a"]}, "'XYZZY'", "Known: "),
        ({"": ["a"]}, "''", "Known: "),
        ({None: ["a"]}, "None", "Known: "),
        ({"get": ["a"], "GET": ["b"]}, "'GET'", "Make one list"),
    ],
)
def test_an_unknown_method_is_refused_and_the_nearest_named(methods, culprit, hint):
    with pytest.raises(ConfigurationError) as refused:
        parse(methods, "CHEST_VARIABLES")
    assert str(refused.value).startswith(f"CHEST_VARIABLES: {culprit}")
    assert hint in str(refused.value)
    assert refused.value.setting == "CHEST_VARIABLES"
