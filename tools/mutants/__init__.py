"""Mutation testing: small changes of the code, and whether a test notices them; `make mutants`."""
