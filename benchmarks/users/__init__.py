"""Hundreds of people and systems at work on the site at once: ``make load``."""
