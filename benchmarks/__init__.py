"""Measurements against peers and limits, in one run on one machine. Not part of the tests."""
