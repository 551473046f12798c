"""The extensions. Modules with views import them, so they are made before any application."""

from __future__ import annotations

from flask_login import LoginManager

from flask_chest import FlaskChest

logins = LoginManager()
# What every tracked route records, besides what its own rule names.
chest = FlaskChest(service="bookshop")
