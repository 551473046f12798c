"""How gunicorn serves the shop."""

from __future__ import annotations

wsgi_app = "examples.shop:create_app()"
workers = 2
# It would take the place of the control socket of another gunicorn of this user. Versions that
# have none pass over the setting.
control_socket_disable = True
