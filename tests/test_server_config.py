"""What plugins for database servers import from the core: URLs, prefixes, lazy attributes."""

from __future__ import annotations

import pytest

from flask_chest.deferred import lazy_attributes
from flask_chest.errors import SchemaMismatch
from flask_chest.schema import SCHEMA_VERSION, names_taken, refuse_newer
from flask_chest.server_config import check_prefix, fields_of_url, plain_url, take_query


def test_fields_are_taken_out_of_a_query_and_the_rest_stays_as_it_is():
    taken, left = take_query("a=1%202&b=&A=x%20y&c=+", {"a", "c"})
    assert taken == {"a": "1 2", "c": " "}
    assert left == ["b=", "A=x%20y"]


def test_what_may_be_the_end_of_a_password_in_a_query_is_not_named():
    with pytest.raises(ValueError, match="percent-encode") as caught:
        take_query("password=a&hunter2", {"password"})
    assert "hunter2" not in str(caught.value)


def test_a_url_stands_for_fields():
    assert fields_of_url("x://u:p%40@[::1]:5/d%20b?size=3", {"size"}) == {
        "host": "::1",
        "port": 5,
        "database": "d b",
        "user": "u",
        "password": "p@",
        "size": "3",
    }
    assert fields_of_url("x://h", ()) == {"host": "h"}


@pytest.mark.parametrize("url", ["x://u:s3cret@h:port/d", "x://u:s3cret@[h", "x://h/d#s3cret", "h"])
def test_a_url_that_cannot_be_read_is_not_repeated(url):
    with pytest.raises(ValueError, match="cannot be read") as caught:
        fields_of_url(url, ())
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("x://h", {"host": "h"}),
        ("x+y://u:p%2Fw@h-1.example:5/d", None),
        ("x://a:1,b/d", {"host": "a:1,b", "database": "d"}),
        ("x://u@h/", {"host": "h", "user": "u"}),
    ],
)
def test_a_plain_url_is_read_without_a_driver(url, fields):
    found = {"host": "h-1.example", "port": "5", "database": "d", "user": "u", "password": "p/w"}
    assert plain_url(url) == (fields or found)


@pytest.mark.parametrize(
    "url",
    ["x://[::1]/d", "x://H", "x://h:0", "x://h:65536", "x://u:a:b@h", "x://u@v@h", "x://h/d/e",
     "x://u:%00@h", "x://u:%ff@h", "x://u:%zz@h", "x://u:a+b@h", "x://", "x:///d", "x://h?a=b"],
)  # fmt: skip
def test_a_url_that_drivers_may_read_differently_is_left_to_them(url):
    assert plain_url(url) is None


@pytest.mark.parametrize(
    ("prefix", "message"),
    [("x" * 31, "longer than 30 bytes"), ("ü" * 16, "longer than 30"), ("a\0", "printed")],
)
def test_a_prefix_that_some_server_refuses_is_refused(prefix, message):
    assert check_prefix("ü" * 15) == "ü" * 15
    with pytest.raises(ValueError, match=message):
        check_prefix(prefix)


def test_a_newer_schema_and_foreign_names_are_refused_with_a_remedy():
    refuse_newer("here", SCHEMA_VERSION)
    for version in (SCHEMA_VERSION + 1, "x"):
        with pytest.raises(SchemaMismatch, match=f"here has the schema version {version}.*Upgrade"):
            refuse_newer("here", version)
    assert "here has a a and a b" in str(names_taken("here", {"b", "a"}))


def test_a_lazy_attribute_is_imported_when_it_is_first_used():
    find = lazy_attributes("flask_chest", Store="store")
    assert find("Store").__module__ == "flask_chest.store"
    with pytest.raises(AttributeError, match="module 'flask_chest' has no attribute 'Other'"):
        find("Other")
