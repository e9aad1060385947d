"""Reading the shop's rules about contact."""

from typing import Any

from customers.models import ContactPolicy, SilenceOverride


def contact_policy() -> ContactPolicy:
    """Return the one row of rules; the usual ones where nobody has stored any yet."""
    return ContactPolicy.objects.filter(pk=ContactPolicy.ONLY).first() or ContactPolicy()


def policy_snapshot() -> dict[str, Any]:
    """Return the rules as they are now, in the words of JSON: what a run keeps beside itself."""
    rules = contact_policy()
    return {
        "silence_window_days": rules.silence_window_days,
        "silence_overrides": list(
            SilenceOverride.objects.order_by("scenario", "channel").values(
                "scenario", "channel", "days"
            )
        ),
        "frequency_cap": rules.frequency_cap,
        "frequency_days": rules.frequency_days,
        "recent_order_days": rules.recent_order_days,
        "quiet_from": f"{rules.quiet_from:%H:%M}" if rules.quiet_from else None,
        "quiet_until": f"{rules.quiet_until:%H:%M}" if rules.quiet_until else None,
        "consent_channels": sorted(rules.consent_channels),
        "holdout_share": str(rules.holdout_share),
        "holdout_salt": rules.holdout_salt,
        "holdout_rotates": rules.holdout_rotates,
    }
