"""Encode: chooses the variables of a record, and makes JSON of them."""
