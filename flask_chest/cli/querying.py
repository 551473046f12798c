"""`flask chest query`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click
from flask.cli import with_appcontext

from flask_chest.cli import questions
from flask_chest.cli.application import open_store, say_nothing_found
from flask_chest.cli.listing import print_records
from flask_chest.cli.missing import Unseen
from flask_chest.cli.names import Name
from flask_chest.query import Filter


@click.command()
@questions.chosen
@questions.order_by("-started_at", "Field or variable; with a minus sign, the largest first.")
@questions.limit(20, "records")
@questions.columns
@questions.format_("table", "json", "csv")
@with_appcontext
def query(
    *,
    where: Filter | None,
    since: datetime | None,
    until: datetime | None,
    order_by: str,
    limit: int,
    columns: Sequence[Name],
    exporter: str | None,
    format_: str,
) -> None:
    """Show records, by default the newest.

    \b
    Examples:
      flask chest query --where "tenant == 'acme' and status_code >= 500" --since 24h
      flask chest query --order-by -duration_ms --columns path,duration_ms,user_id
    """  # noqa: D301 - click reads \b as "keep these lines"
    store = open_store(exporter)
    found = store.records(where, since=since, until=until, order_by=order_by, limit=limit)
    unseen = Unseen((where,), columns, order_by)
    number = print_records(found, format_, columns, unseen)
    if not number:
        say_nothing_found(store, exporter)
    unseen.say(store, since=since, until=until, found=number)
