"""The newest run of every step in the ledger."""

from crm_project.common.models import RefreshState


def latest_steps() -> list[RefreshState]:
    """Return the newest finished row of each step, by name."""
    finished = RefreshState.objects.filter(finished_at__isnull=False)
    return list(finished.order_by("name", "-started_at").distinct("name"))
