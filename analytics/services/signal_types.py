"""Install the types of signals that a new shop starts with."""

from analytics.models import SignalType
from analytics.scoring.signals import DEFAULTS


def install_default_types() -> int:
    """Add the default types where there are none at all. Returns how many were added."""
    if SignalType.objects.exists():
        return 0
    made = SignalType.objects.bulk_create(
        SignalType(
            event_type=default.event_type,
            label=default.label,
            base_score=default.base_score,
            signal_class=default.signal_class,
            aliases=list(default.aliases),
            description=default.description,
        )
        for default in DEFAULTS
    )
    return len(made)
