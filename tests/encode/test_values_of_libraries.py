"""Scalars of numpy, pandas and SQLAlchemy are recorded as the Python values that they stand for."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from flask import Flask, g
from sqlalchemy import orm
from support.json_forms import convert

from flask_chest.encode.patterns import Patterns
from flask_chest.encode.values import NotData
from flask_chest.encode.variables import VariableFilter
from flask_chest.redaction import Redactor, SecretKeys

SCALARS = [
    (np.bool_(True), True),
    (np.bool_(False), False),
    (np.int8(-3), -3),
    (np.int64(2**53 + 1), 2**53 + 1),
    (np.uint64(2**63), str(2**63)),
    (np.float32(0.5), 0.5),
    (np.float64(2.25), 2.25),
    (np.float16(1.5), 1.5),
    (np.float64("nan"), "NaN"),
    (np.str_("text"), "text"),
    (np.bytes_(b"text"), "dGV4dA=="),
    (np.timedelta64(1500, "ms"), 1.5),
    (np.timedelta64(1_500_000_000, "ns"), 1.5),
    (np.timedelta64(2, "D"), 172_800.0),
    (np.timedelta64("NaT", "s"), None),
    (np.datetime64("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
    (np.datetime64("2026-01-02T03:04:05.000006", "ns"), "2026-01-02T03:04:05.000006"),
    (np.datetime64("2026-01-02"), "2026-01-02"),
    (np.datetime64("NaT", "s"), None),
    (pd.Timestamp("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
    (pd.Timedelta(seconds=1.5), 1.5),
    (pd.NaT, None),
    (pd.NA, None),
    (timedelta(seconds=1.5), 1.5),
    (Decimal("12.50"), 12.5),
]


@pytest.mark.parametrize(("value", "expected"), SCALARS, ids=repr)
@pytest.mark.parametrize("patterns", [("value",), ("*",)], ids=["named", "caught by a pattern"])
def test_a_scalar_is_its_python_value(make_chest, recorded, value, expected, patterns):
    chest = make_chest()
    app = Flask("shop")

    @app.get("/")
    @chest.track(*patterns)
    def index():
        g.value = value
        return "ok"

    chest.init_app(app)
    app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"value": expected}
    assert type(row["variables"]["value"]) is type(expected)


def test_scalars_within_containers_are_their_python_values(make_chest, recorded):
    chest = make_chest()
    app = Flask("shop")

    @app.get("/")
    @chest.track("value")
    def index():
        g.value = {"ok": np.bool_(True), "taken": [np.timedelta64(1, "s"), pd.NaT]}
        return "ok"

    chest.init_app(app)
    app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"value": {"ok": True, "taken": [1.0, None]}}


VARIANTS = [
    (np.longdouble(0.25), 0.25),
    (np.complex64(1 + 2j), "(1+2j)"),
    (np.complex128(1 + 2j), "(1+2j)"),
    (np.timedelta64(3, "M"), "3 months"),
    (np.timedelta64(-1, "us"), -1e-06),
    (np.datetime64("2026-01"), "2026-01-01"),
    (np.datetime64("2026-01-02T03", "h"), "2026-01-02T03:00:00"),
    (np.datetime64("2026-01-02T03:04:05.5", "ms"), "2026-01-02T03:04:05.500000"),
    (np.datetime64("2026-01-02T03:04:05", "ns"), "2026-01-02T03:04:05"),
    (np.datetime64("2026-01-02T03:04:05.000000007", "ns"), "2026-01-02T03:04:05.000000007"),
    (np.datetime64("20260-01-02T03:04:05", "s"), "20260-01-02T03:04:05"),
    (pd.Timestamp("2026-01-02T03:04:05.5", tz="UTC"), "2026-01-02T03:04:05.500000+00:00"),
    (pd.Period("2026-01", "M"), "2026-01"),
    (pd.Interval(0, 1), "(0, 1]"),
    (pd.Series([True, False])[0], True),
    (pd.Series(["a", None], dtype="string")[1], None),
    (Decimal("NaN"), "NaN"),
]


@pytest.mark.opens_nothing
@pytest.mark.parametrize(("value", "expected"), VARIANTS, ids=repr)
@pytest.mark.parametrize("named", [True, False])
def test_a_scalar_of_any_unit_and_kind_is_its_python_value(value, expected, named):
    data = convert(value, named=named)
    assert data == expected
    assert type(data) is type(expected)


@pytest.mark.opens_nothing
def test_an_array_is_no_scalar():
    with pytest.raises(NotData):
        convert(np.array([1, 2]), named=False)
    with pytest.raises(NotData):
        convert(pd.DataFrame({"a": [1]}), named=False)


@pytest.mark.opens_nothing
def test_redaction_judges_a_scalar_as_its_python_value():
    variables = {
        "prompt_tokens": np.int64(512),
        "mean_tokens": np.float32(0.5),
        "is_authorized": np.bool_(True),
        "auth": pd.NA,
        "session": np.int64(7),
        "password": np.str_("hunter2"),
        "details": {
            "tokens": np.uint8(3),
            "token": np.float64(1.5),
            "card": np.int64(4111111111111111),
        },
    }
    taken = VariableFilter(Redactor(SecretKeys()), pytest.fail, lambda *_masked: None).take(
        variables, Patterns("*", setting="test")
    )
    assert taken == {
        "prompt_tokens": 512,
        "mean_tokens": 0.5,
        "is_authorized": True,
        "auth": None,
        "session": 7,
        "password": "[redacted]",
        "details": {"tokens": 3, "token": 1.5, "card": "[redacted]"},
    }


class Base(orm.DeclarativeBase):
    pass


class Shop(Base):
    __tablename__ = "shop"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    orders: orm.Mapped[list[Order]] = orm.relationship()
    dynamic: orm.DynamicMapped[Order] = orm.relationship(viewonly=True)


class Order(orm.MappedAsDataclass, Base):
    __tablename__ = "shop_order"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    total: orm.Mapped[int]
    note: orm.Mapped[str] = orm.mapped_column(deferred=True)
    shop_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("shop.id"))
    shop: orm.Mapped[Shop] = orm.relationship(viewonly=True, init=False)


@pytest.mark.opens_nothing
def test_no_object_of_an_orm_asks_its_database():
    engine = sa.create_engine("sqlite://")
    statements = []
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Shop(id=1, name="tea"))
        session.add(Order(id=1, total=5, note="gift", shop_id=1))
        session.commit()
        session.expire_all()
        expired_order, expired_shop = session.get(Order, 1), session.get(Shop, 1)
        session.expire_all()
        lazy = [expired_shop, expired_order, session, session.query(Shop), sa.select(Shop)]
        sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        for named in (True, False):
            assert convert([expired_order], named=named) == [{}]
            for value in lazy:
                convert([value], named=named)
        assert statements == []

        order, row = session.get(Order, 1), session.execute(sa.select(Order, Order.total)).one()
        shop = session.get(Shop, 1)
        statements.clear()
        for named in (True, False):
            fields = {"id": 1, "total": 5, "shop_id": 1}
            assert convert(order, named=named) == fields
            assert convert(row, named=named) == {"Order": fields, "total": 5}
            for value in (shop, shop.dynamic, {"shops": [shop]}):
                convert([value], named=named)
        assert statements == []
        assert [each.total for each in shop.orders] == [5], "a query is counted"
        assert statements
        statements.clear()
        assert convert(shop.orders) == [fields]
        assert statements == []
    engine.dispose()


def test_neither_library_is_imported():
    code = (
        "import sys; from flask_chest import FlaskChest; from flask import Flask;"
        "from flask_chest.encode.library_scalars import reader; reader(int);"
        "print(sorted({'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
