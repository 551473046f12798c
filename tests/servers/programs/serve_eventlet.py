"""Serves the application with eventlet, on the listening socket whose number is the argument."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet announces its end
    import eventlet

    eventlet.monkey_patch()

import sys

from app import app
from eventlet import wsgi
from eventlet.green import socket

wsgi.server(socket.socket(fileno=int(sys.argv[1])), app, log_output=False)
