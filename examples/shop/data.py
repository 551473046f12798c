"""Products, users and sales: the same in every process and every run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Product:
    id: int
    name: str
    price_cents: int
    stock: int


@dataclass(frozen=True)
class User:
    id: str
    tenant: str
    plan: str
    pin: str


_NAMES = (
    "Oak desk",
    "Oak chair",
    "Desk lamp",
    "Floor lamp",
    "Tea kettle",
    "Tea mug",
    "Steel mug",
    "Wool rug",
    "Wool blanket",
    "Pine shelf",
    "Pine stool",
    "Wall clock",
)

PRODUCTS = {
    number: Product(
        id=number,
        name=name,
        price_cents=990 + number * 1_010,
        stock=0 if number % 6 == 0 else 20,
    )
    for number, name in enumerate(_NAMES, start=1)
}

USERS = {
    "ada": User("u-1", "analytical", "enterprise", "1815"),
    "grace": User("u-2", "navy", "enterprise", "1906"),
    "alan": User("u-3", "bletchley", "pro", "1912"),
    "edsger": User("u-4", "bletchley", "pro", "1930"),
    "barbara": User("u-5", "mit", "pro", "1939"),
    "donald": User("u-6", "stanford", "free", "1938"),
}


def search(term: str) -> list[Product]:
    return [product for product in PRODUCTS.values() if term.lower() in product.name.lower()]


def sales(days: int) -> Iterator[tuple[str, str, int]]:
    """Yield the day, the name and the number sold, for every product and day."""
    first = date(2024, 1, 1)
    for number in range(days):
        day = (first + timedelta(days=number)).isoformat()
        for product in PRODUCTS.values():
            yield day, product.name, (number * 7 + product.id * 3) % 11
