"""The extension. The modules with views import it, so it is made before the application."""

from __future__ import annotations

from flask_chest import FlaskChest

chest = FlaskChest(
    service="shop",
    # The exclusion applies to every route: `checkout` records all of `g` but the card number.
    variables=["!card_*"],
    # What is asked most, so that the answer comes at once however many records there are.
    rollups={
        "dimensions": ["tenant", "model_version"],
        "measures": ["cost_cents", "cart_total"],
        "distinct": ["user_id"],
    },
)
