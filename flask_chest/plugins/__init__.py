"""Plugins: found, loaded, and called with each fault contained."""
