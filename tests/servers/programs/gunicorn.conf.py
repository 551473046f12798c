"""Read by gunicorn from its working folder."""

control_socket_disable = True  # in newer versions it gives the master a second thread
