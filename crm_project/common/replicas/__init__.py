"""Reads that may be a few seconds old go to a standby, when there is one that keeps up (ADR 64)."""
