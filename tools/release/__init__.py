"""Builds, checks, installs and describes a release; `make release`. Nothing is uploaded."""
