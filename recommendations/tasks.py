"""Nightly work. Each task calls one service; the service keeps the ledger."""
