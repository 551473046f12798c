"""A store that compiles filters itself, as its author writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from typing_extensions import Unpack, assert_type
from user_exporter import LedgerConfig

from flask_chest import Batch, ExporterUnavailable, FilterError, Record, Store, query
from flask_chest.errors import QueryError, QueryTimeout
from flask_chest.query import (
    LIST,
    OBJECT,
    And,
    Chosen,
    Compare,
    Exists,
    Field,
    Filter,
    FromRecords,
    IsNull,
    Node,
    OneOf,
    Operand,
    Or,
    Order,
    Place,
    Question,
    Reader,
    Scalar,
    Selection,
    Source,
    Spread,
    Sums,
    Tally,
    TallyRow,
    TextMatch,
    Variable,
)
from flask_chest.store import (
    AnyExporter,
    Declaration,
    Position,
    RouteSummary,
    ValueCount,
    Where,
    aware,
    checked,
    positive,
)


def column(operand: Operand) -> str:
    if isinstance(operand, Field):
        return operand.name
    assert_type(operand, Variable)
    return ".".join(operand.path)


def compiled(node: Node) -> str:
    if isinstance(node, And):
        return " AND ".join(map(compiled, node.parts))
    if isinstance(node, Or):
        return " OR ".join(map(compiled, node.parts))
    if isinstance(node, Compare):
        return f"{column(node.operand)} {node.operator} {node.value!r}"
    if isinstance(node, OneOf):
        return f"{column(node.operand)} IN {node.values!r}"
    if isinstance(node, TextMatch):
        return f"{node.test}({column(node.operand)}, {node.text!r})"
    assert_type(node, IsNull | Exists)
    return f"{column(node.operand)} {'IS NOT NULL' if node.negated else 'IS NULL'}"


class LedgerStore(Store):
    type = "ledger"
    config_model = LedgerConfig
    config: LedgerConfig

    def open(self) -> None:
        self._records: list[Record] = []

    def export(self, batch: Batch) -> None:
        self._records += map(Record.from_data, batch.records())

    def close(self) -> None: ...

    def select(self, selection: Selection) -> list[Record]:
        if selection.where is not None:
            compiled(selection.where)
        assert_type(selection.order, Order)
        if (after := selection.after) is not None:
            assert_type(after, Place)
            assert_type(after.value, Scalar | datetime)
        return query.select(self._records, selection)

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        assert_type(asked.spread, Spread | None)
        for row in query.tally(self._records, asked):
            assert_type(row.key, tuple[Scalar, ...])
            assert_type(row.numbers, Sequence[Sums])
            yield row._replace(key=tuple(OBJECT if part == LIST else part for part in row.key))

    def delete(self, records: Sequence[Record]) -> int:
        raise ExporterUnavailable("it is away")

    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        aware("before", before)
        if progress is not None:
            progress(1)
        raise QueryTimeout("it took too long")

    def erase(self, where: str | Filter, *, progress: Callable[[int], None] | None = None) -> int:
        chosen = query.parse(where) if isinstance(where, str) else where
        assert_type(chosen.matches(self._records[0].as_data()), bool)
        return super().erase(chosen, progress=progress)

    def query(
        self, *, limit: int = 100, newest_first: bool = True, **where: Unpack[Where]
    ) -> list[Record]:
        positive(limit)
        checked(where)
        return super().query(limit=limit, newest_first=newest_first, **where)


def kept(exporter: AnyExporter) -> AnyExporter:
    return exporter


def questions(store: LedgerStore) -> None:
    chosen = query.chosen("user_id == 'u-17'", "24h", None)
    assert_type(chosen, Chosen)
    assert_type(list(query.records(store, chosen, query.order("-duration_ms"))), list[Record])
    assert_type(query.both(chosen.where, None), Node | None)
    asked = query.read_question(["count"], by=["route"], every="1h", chosen=chosen)
    assert_type(asked, Question)
    reader: Reader = store
    source: Source = FromRecords(reader)
    rows, told = query.measure(reader, source, asked)
    assert_type(rows, list[dict[str, Any]])
    assert_type(told, list[str])
    first, second, both = query.two_sets("status_code >= 500", None, "24h", None)
    names = query.read_names(["model", "route"])
    assert_type(query.differences(store, first, second, names, both), list[dict[str, Any]])
    assert_type(query.positive("limit", 7), int | None)
    assert_type(query.name("user.plan"), Operand)
    assert_type(query.written(query.name("user.plan")), str)
    assert_type(query.condition_of("model", "large"), str | None)
    assert_type(query.others_of("model", "large"), str | None)
    assert_type(query.identity("large"), tuple[str, Scalar])
    assert_type(query.rank(7), tuple[int, Scalar])
    assert_type(query.place_of(store.page()[0].as_data(), Order()), Place)
    assert_type(query.variable_paths(["user.plan"]), list[tuple[str, ...]])
    assert_type(list(query.mismatches(query.parse("user_id == 1").root, [])), list[str])
    assert_type(query.csv_line(["a", 7]), str)


def times() -> None:
    now = datetime.now(timezone.utc)
    assert_type(query.distance("24h"), timedelta)
    assert_type(query.moment("24h", now), datetime)
    assert_type(query.utc(now), datetime)
    assert_type(query.bucket_begin(now, "1h", "Europe/Berlin"), datetime)
    both = query.parse("user_id == 'u-17'")
    assert_type(query.started_before(both, now), Filter)
    try:
        assert_type(query.others_than(both), Filter)
    except FilterError as error:
        assert_type(str(error), str)
    except QueryError:
        raise


def reading(store: LedgerStore) -> None:
    page = store.page(limit=10)
    position: Position = (page[-1].started_at, page[-1].id)
    assert_type(store.page(after=position), list[Record])
    assert_type(store.routes(method="GET"), list[RouteSummary])
    assert_type(store.top_values("user_id")[0], ValueCount)
    assert_type(store.declared(), Declaration | None)
    assert_type(kept(store), LedgerStore)
