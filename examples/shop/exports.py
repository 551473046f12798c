"""A streamed download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice

from flask import Blueprint, Response, abort, g, request, stream_with_context

from examples.shop.auth import require_user
from examples.shop.data import sales
from examples.shop.extensions import chest

bp = Blueprint("exports", __name__)


@bp.get("/exports/sales.csv")
@chest.track("user_id", "tenant", "plan", "rows_exported")
def sales_csv() -> Response:
    require_user()
    if g.plan != "enterprise":
        abort(403, "Exports are part of the enterprise plan")
    days = request.args.get("days", 30, type=int)
    if not 1 <= days <= 3_650:
        abort(400, "days must be from 1 to 3650")

    def chunks() -> Iterator[str]:
        # The request is recorded when the stream ends, also when the client disconnects earlier.
        # Then this is the number of rows that the server had taken.
        g.rows_exported = 0
        rows = sales(days)
        yield as_csv([("day", "product", "sold")])
        while chunk := list(islice(rows, 100)):
            yield as_csv(chunk)
            g.rows_exported += len(chunk)

    return Response(stream_with_context(chunks()), mimetype="text/csv")


def as_csv(rows: Iterable[tuple[object, ...]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
