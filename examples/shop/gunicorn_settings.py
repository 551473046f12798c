"""Configuration of gunicorn for the shop."""

from __future__ import annotations

wsgi_app = "examples.shop:create_app()"
workers = 2
# The socket would replace that of another gunicorn of this user. Versions of gunicorn without
# control sockets ignore the setting.
control_socket_disable = True
