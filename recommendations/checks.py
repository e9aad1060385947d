"""Refuse settings that the audit cannot work with, with a number and a hint."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from recommendations.scoring.quality import checked_limits

POLICIES = ("strict", "standard", "permissive")


@register("crm")
def gate_policy_is_known(**kwargs: Any) -> list[CheckMessage]:
    """The name of the policy is one of three."""
    if settings.CRM_GATE_POLICY in POLICIES:
        return []
    return [
        Error(
            f"There is no gate policy {settings.CRM_GATE_POLICY!r}.",
            hint=f"Set CRM_GATE_POLICY to one of {', '.join(POLICIES)}.",
            id="crm.E008",
        )
    ]


@register("crm")
def quality_shares_are_known(**kwargs: Any) -> list[CheckMessage]:
    """The rules named exist, and their shares are shares."""
    try:
        checked_limits(settings.CRM_QUALITY_MAX_SHARES)
    except ValueError as error:
        return [Error(str(error), hint="Set CRM_QUALITY_MAX_SHARES to JSON.", id="crm.E009")]
    return []
