"""Which of the two servers it is, and what each calls its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

MIN_MYSQL: Final = (8, 0, 19)
MIN_MARIADB: Final = (10, 6, 0)


@dataclass(frozen=True)
class Flavor:
    """A server's product and version.

    Attributes:
        product: Its name.
        version: Three numbers.
    """

    product: Literal["MySQL", "MariaDB"]
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.product} {self.version[0]}.{self.version[1]}"

    @property
    def is_mariadb(self) -> bool:
        """Whether it is MariaDB."""
        return self.product == "MariaDB"

    @property
    def is_supported(self) -> bool:
        """Whether it is new enough."""
        return self.version >= (MIN_MARIADB if self.is_mariadb else MIN_MYSQL)

    @property
    def collation(self) -> str:
        """The collation in which only equal texts are equal: 'a' is neither 'A' nor 'a '."""
        return "utf8mb4_nopad_bin" if self.is_mariadb else "utf8mb4_0900_bin"


def identify(version: str) -> Flavor:
    """Return what a server says of itself.

    Args:
        version: What its function VERSION() gives, such as ``8.0.36`` or ``10.11.6-MariaDB-log``.
    """
    is_mariadb = "mariadb" in version.lower()
    # MariaDB 10 calls itself 5.5.5-10.6.12-MariaDB where replicas of MySQL could be listening.
    found = re.match(r"(?:5\.5\.5-(?=\d))?(\d+)\.(\d+)(?:\.(\d+))?", version)
    numbers = tuple(int(number or 0) for number in found.groups()) if found else (0, 0, 0)
    return Flavor("MariaDB" if is_mariadb else "MySQL", numbers)  # type: ignore[arg-type]
