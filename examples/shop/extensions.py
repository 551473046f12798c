"""Made before any application, so that the modules with views can import it."""

from __future__ import annotations

from flask_chest import FlaskChest

# The exclusion holds for every route: `checkout` records all of `g`, but no card number.
chest = FlaskChest(service="shop", variables=["!card_*"])
