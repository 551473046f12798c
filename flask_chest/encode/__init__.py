"""Encode: which variables are recorded, and the JSON that is made of them."""
