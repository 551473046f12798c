"""Capture: one record a request, from the middleware to the line of JSON."""
