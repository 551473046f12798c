"""The commands under `flask chest`, one module for each group of them."""
