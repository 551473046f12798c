"""The extension. The modules with views import it, so it is made before the application."""

from __future__ import annotations

from flask_chest import FlaskChest

# The exclusion applies to every route: `checkout` records all of `g` but the card number.
chest = FlaskChest(service="shop", variables=["!card_*"])
