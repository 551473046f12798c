"""Plugins: found, registered, and called so that a fault in one harms no other."""
