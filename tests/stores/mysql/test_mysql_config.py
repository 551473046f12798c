"""The configuration of the MySQL store: URLs, fields."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask_chest_mysql import MysqlConfig, MysqlStore
from pydantic import ValidationError
from support.mysql import SECRET, user

HERE = {"user": "u", "database": "d"}


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("mysql://u@db.example/shop", "db.example:3306/shop"),
        ("mariadb://u:p%40ss@db.example:3307/shop?timeout_seconds=5", "db.example:3307/shop"),
        ("mysql+pymysql://u@[2001:db8::1]/shop", "[2001:db8::1]:3306/shop"),
        (
            "mysql://u@localhost/shop?unix_socket=/run/mysqld.sock",
            "/run/mysqld.sock, database shop",
        ),
    ],
)
def test_a_url_gives_the_location(url, place):
    assert MysqlStore(MysqlConfig(url=url)).location == f"MySQL at {place}"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "mysql://u:planted@h"}, "names no database"),
        ({"url": "mysql://h/d"}, "names no user"),
        ({"url": "mysql://u:planted@h:port/d"}, "cannot be read"),
        ({"url": "mysql://u:planted@[h/d"}, "cannot be read"),
        ({"url": "mysql://u:planted@h/d?charset=latin1"}, "no fields: charset"),
        ({"url": "mysql://u:planted@h/d", "pool_size": 0}, "pool_size"),
        ({"url": "mysql://u:planted@h/d?ssl_mode=maybe"}, "VERIFY_IDENTITY"),
        ({"url": "mysql://u:planted@h/d?ssl_ca=/not/there.pem"}, "is not there"),
        ({**HERE, "ssl_mode": "REQUIRED", "ssl_ca": __file__}, "would do nothing"),
        ({**HERE, "ssl_mode": "PREFERRED", "ssl_cert": __file__}, "might do nothing"),
        ({**HERE, "ssl_key": __file__}, "give ssl_cert"),
        ({**HERE, "table_prefix": "😀"}, r"beyond U\+FFFF"),
        ({**HERE, "table_prefix": "é" * 16}, "longer than 30 bytes"),
        ({**HERE, "password": "planted", "colour": 1}, "colour"),
    ],
)
def test_a_wrong_configuration_is_refused_without_showing_the_password(fields, message):
    with pytest.raises(ValidationError, match=message) as caught:
        MysqlConfig(**fields)
    assert "planted" not in str(caught.value)


def test_a_password_in_a_url_may_have_any_characters(backend):
    with user(backend, "ALL") as name:
        url = f"mariadb+pymysql://{name}:{quote(SECRET, safe='')}@127.0.0.1"
        config = MysqlConfig(
            url=f"{url}:{backend.config['port']}/{backend.config['database']}?table_prefix=y_",
            pool_size=2,
        )
        assert (config.table_prefix, config.pool_size) == ("y_", 2)
        store = MysqlStore(config)
        store.open()
        store.close()
