"""The commands under `flask chest`."""
