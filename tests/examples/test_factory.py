"""examples/factory, as its README.md says."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_each_record_has_who_is_logged_in(example, port):
    shop = example("factory")
    client, _ = shop.serve("flask", "--app", "bookshop", "run", "--port", port, port=port)
    with client:
        assert client.post("/orders/emma").status_code == 401
        login = {"name": "ann", "password": "read more books"}
        assert client.post("/login", data={**login, "password": "x"}).status_code == 401
        assert client.post("/login", data={**login, "name": "eve"}).status_code == 401
        assert client.post("/login", data=login).text == "Hello ann"
        assert client.post("/orders/emma", data={"copies": "2"}).json() == {"total_cents": 1_800}
        assert client.post("/orders/dune").status_code == 404
        assert client.post("/logout").text == "Good bye"
    records = shop.records(7)
    assert [(each.endpoint, each.status_code, each.variables) for each in records] == [
        ("orders.buy", 401, {}),
        ("accounts.login", 401, {}),
        ("accounts.login", 401, {}),
        ("accounts.login", 200, {"user_id": "ann"}),
        ("orders.buy", 200, {"user_id": "ann", "book": "emma", "total_cents": 1_800}),
        ("orders.buy", 404, {"user_id": "ann", "book": "dune"}),
        ("accounts.logout", 200, {"user_id": "ann"}),
    ]
    assert {each.service for each in records} == {"bookshop"}
    found = shop.flask("--app", "bookshop", "chest", "query", "--where", "user_id == 'ann'")
    assert found.count("ann") == 4
