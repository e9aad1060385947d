"""Storing the shop's rules about contact."""

from customers.models import ContactPolicy


def install_default_policy() -> None:
    """Store the usual rules where there are none yet."""
    ContactPolicy.objects.get_or_create(pk=ContactPolicy.ONLY)
