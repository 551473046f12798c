"""100,000 harmless values of 25 kinds in equal shares, the same ones for the same seed."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Final, TypeAlias

from .forms import HEX, luhn
from .harmless_texts import (
    css_or_html,
    json_text,
    log_line,
    other_language,
    sentence,
    sql,
    url,
    user_agent,
)

Draw: TypeAlias = random.Random
CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TACS: Final = (
    "35209900",
    "35693803",
    "86723104",
    "01215300",
    "35395311",
    "35824005",
    "99000123",
    "35161508",
)
"""Type allocation codes: how an IMEI begins. Most begin with 35."""


def _digits(draw: Draw, count: int, first: str = "123456789") -> str:
    return draw.choice(first) + "".join(draw.choices(string.digits, k=count - 1))


def _moment(draw: Draw) -> datetime:
    start = datetime(2015, 1, 1, tzinfo=timezone.utc)
    return start + timedelta(
        seconds=draw.randrange(15 * 365 * 86_400), microseconds=draw.randrange(10**6)
    )


def _maybe_number(draw: Draw, text: str) -> object:
    return int(text) if draw.random() < 0.5 else text


def random_16(draw: Draw) -> object:
    return _maybe_number(draw, _digits(draw, 16))


def timestamp_14(draw: Draw) -> object:
    return _maybe_number(draw, f"{_moment(draw):%Y%m%d%H%M%S}")


def epoch(draw: Draw) -> object:
    seconds = _moment(draw).timestamp()
    return _maybe_number(draw, str(int(seconds * draw.choice((10**3, 10**6, 10**9)))))


def snowflake(draw: Draw) -> object:
    start = draw.choice(
        (1288834974657, 1420070400000, 1314220021721)
    )  # Twitter, Discord, Instagram
    number = (int(_moment(draw).timestamp() * 1000) - start) % (1 << 41) << 22 | draw.getrandbits(
        22
    )
    return _maybe_number(draw, str(number))


def ulid(draw: Draw) -> object:
    return "01" + "".join(draw.choices(CROCKFORD, k=24))


def uuid_text(draw: Draw) -> object:
    found = uuid.UUID(int=draw.getrandbits(128), version=draw.choice((1, 4, 5)))
    return draw.choice((str(found), str(found).upper(), found.hex, found.urn, f"{{{found}}}"))


def uuid_path(draw: Draw) -> object:
    found = uuid.UUID(int=draw.getrandbits(128), version=4)
    return draw.choice(
        ("/orders/{}", "/v1/users/{}/items", "/{}", "/a/{}.json", "files/{}/download")
    ).format(found)


def digest(draw: Draw) -> object:
    text = "".join(draw.choices(HEX, k=draw.choice((7, 16, 32, 40, 64, 128))))
    return draw.choice((text, text.upper(), f"sha256:{text}", f'"{text}"', f'W/"{text}"'))


def asset(draw: Draw) -> object:
    raw = draw.randbytes(draw.choice((6, 9, 16, 20, 32, 48, 64)))
    text, safe = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return draw.choice(
        (
            text,
            safe,
            f"sha{len(raw) * 8}-{text}",
            f"main.{safe[:8]}.js",
            f"/static/app-{safe[:10]}.css",
            f"chunk-{safe[:8]}.mjs",
        )
    )


def imei(draw: Draw) -> object:
    return _maybe_number(draw, luhn(draw.choice(TACS) + _digits(draw, 6, string.digits)))


def trade_number(draw: Draw) -> object:
    kind = draw.randrange(5)
    if kind == 0:
        return _ean(draw.choice(("978", "979")) + _digits(draw, 9, string.digits))
    if kind == 1:
        text = _ean("978" + _digits(draw, 9, string.digits))
        return f"{text[:3]}-{text[3]}-{text[4:8]}-{text[8:12]}-{text[12]}"
    if kind == 2:
        return _ean(_digits(draw, 13))  # GTIN-14
    return _maybe_number(
        draw,
        _ean(draw.choice(("40", "41", "50", "30", "49", "76", "87", "69")) + _digits(draw, 10)),
    )


def _ean(digits: str) -> str:
    total = sum(
        int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))
    )
    return f"{digits}{-total % 10}"


def phone(draw: Draw) -> object:
    forms = (
        "+49 {3} {8}",
        "+1 ({3}) {3}-{4}",
        "0049{10}",
        "+44 20 {4} {4}",
        "{3}.{3}.{4}",
        "+33 {1} {2} {2} {2} {2}",
        "+81-{2}-{4}-{4}",
        "+{12}",
        "0{4}/{6}",
        "{11}",
    )
    text = draw.choice(forms)
    for count in (1, 2, 3, 4, 6, 8, 10, 11, 12):
        while f"{{{count}}}" in text:
            text = text.replace(f"{{{count}}}", _digits(draw, count), 1)
    return text


def order_number(draw: Draw) -> object:
    forms = (
        f"ORD-{_digits(draw, 4)}-{_digits(draw, 7)}",
        f"{_digits(draw, 3)}-{_digits(draw, 7)}-{_digits(draw, 7)}", f"#{_digits(draw, 5)}",
        f"1Z999AA1{_digits(draw, 10)}",
        f"INV{draw.randrange(2015, 2030)}{_digits(draw, 6)}", f"RE-{_digits(draw, 10)}",
        f"{_digits(draw, 4)}/{_digits(draw, 6)}", f"PO{_digits(draw, 10)}",
        f"SO-{_digits(draw, 3)}-{_digits(draw, 3)}-{_digits(draw, 3)}",
        f"JJD00{_digits(draw, 14)}",
        f"cus_{''.join(draw.choices(string.ascii_letters + string.digits, k=14))}",
        f"K-{_digits(draw, 6)}-{_digits(draw, 2)}",
    )  # fmt: skip
    return draw.choice(forms)


def coordinate(draw: Draw) -> object:
    latitude, longitude = draw.uniform(-90, 90), draw.uniform(-180, 180)
    places = draw.choice((4, 6, 7, 12, 14))
    return draw.choice(
        (
            latitude, [latitude, longitude], f"{latitude:.{places}f}",
            f"{latitude:.{places}f},{longitude:.{places}f}",
            f"{longitude:.{places}f} {latitude:.{places}f}",
            {"lat": latitude, "lon": longitude}, f"geo:{latitude:.6f},{longitude:.6f}",
            f"POINT({longitude!r} {latitude!r})", repr(longitude), str((latitude, longitude)),
        )
    )  # fmt: skip


def version(draw: Draw) -> object:
    parts = [str(draw.randrange(n)) for n in (30, 40, 2000)]
    return draw.choice(
        (
            ".".join(parts),
            "v" + ".".join(parts),
            f"{parts[0]}.{parts[1]}.0-rc.{parts[2]}",
            f"flask=={'.'.join(parts)}",
            f">={parts[0]}.{parts[1]},<{int(parts[0]) + 1}",
            f"{'.'.join(parts)}+build.{_digits(draw, 8)}",
            f"3.11.{parts[1]} (main, May  9 2026, 07:35:25) [GCC 12.2.0]",
        )
    )


def date_text(draw: Draw) -> object:
    moment = _moment(draw)
    return draw.choice(
        (
            moment.isoformat(),
            f"{moment:%Y-%m-%d}",
            f"{moment:%a, %d %b %Y %H:%M:%S GMT}",
            f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            f"{moment:%d.%m.%Y %H:%M}",
            f"{moment:%H:%M:%S.%f}",
            f"P{moment.day}DT{moment.hour}H",
            f"{moment:%Y-%m-%d %H:%M:%S,%f}",
            f"{moment:%Y%m%dT%H%M%SZ}",
            f"{moment.timestamp()}",
        )
    )


def money(draw: Draw) -> object:
    amount = draw.lognormvariate(5, 3)
    return draw.choice(
        (
            round(amount, 2),
            f"{amount:,.2f} EUR",
            f"${amount:,.2f}",
            f"{amount:.4f}",
            f"{amount:_.2f}",
            f"CHF {amount:.2f}",
            int(amount * 100),
            f"{amount:.12f}",
            f"{amount:,.0f}".replace(",", " "),
            f"{amount / 7:.1%}",
            f"{amount:e}",
        )
    )


KINDS: Final[dict[str, Callable[[Draw], object]]] = {
    "random 16-digit numbers": random_16,
    "14-digit timestamps": timestamp_14,
    "epochs in ms, us and ns": epoch,
    "snowflakes": snowflake,
    "ULIDs": ulid,
    "UUIDs": uuid_text,
    "UUIDs in paths": uuid_path,
    "hex digests": digest,
    "base64 hashes of assets": asset,
    "IMEIs": imei,
    "EANs, GTINs and ISBNs": trade_number,
    "phone numbers": phone,
    "order numbers": order_number,
    "coordinates": coordinate,
    "URLs": url,
    "sentences": sentence,
    "log lines": log_line,
    "JSON texts": json_text,
    "SQL": sql,
    "versions": version,
    "dates": date_text,
    "money and numbers": money,
    "user agents": user_agent,
    "CSS and HTML": css_or_html,
    "other languages": other_language,
}
"""Kinds of values; the first cannot always be told from card numbers."""


def harmless(count: int = 100_000, seed: int = 14) -> Iterator[tuple[str, object]]:
    """Yield harmless values with their kinds, of each kind the same number."""
    draw = random.Random(seed)
    for _ in range(count // len(KINDS)):
        for kind, make in KINDS.items():
            yield kind, make(draw)
