"""Take away all made signals: for development and demonstrations only."""

from dataclasses import dataclass

from django.db import ProgrammingError, connection, transaction

from analytics.ingest.made import SOURCE
from analytics.services.made_signals import not_in_production
from analytics.services.signal_reports import refresh_signal_reports
from crm_project.common.exceptions import CrmError

# Commands send without a token, so a token that calls itself "generated" keeps its own.
_OURS = "select id from analytics_rawevent where source = %(source)s and token = ''"
_STEPS = {
    "receipts": f"delete from analytics_signalreceipt where event_id in ({_OURS})",  # noqa: S608
    "signals": f"delete from analytics_signal where id in ({_OURS})",  # noqa: S608
    "quarantined": f"delete from analytics_quarantinedevent where id in ({_OURS})",  # noqa: S608
    "raw_events": "delete from analytics_rawevent where source = %(source)s and token = ''",
}


@dataclass(frozen=True, slots=True)
class Cleared:
    """Rows that were removed."""

    receipts: int
    signals: int
    quarantined: int
    raw_events: int


def clear_made_signals(*, in_production: bool = False, dry_run: bool = False) -> Cleared:
    """Remove made signals with their receipts and raw events, in one transaction; count anew.

    What still waits in the queue is not found: let a worker finish first. The raw log refuses
    deletions, so its trigger rests meanwhile, and writers of signals wait. A dry run takes
    everything back.

    Raises:
        CrmError: it is production, or the database user does not own the tables.
    """
    not_in_production(in_production)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("alter table analytics_rawevent disable trigger raw_event_stays")
            counts = {}
            for name, statement in _STEPS.items():
                cursor.execute(statement, {"source": SOURCE})
                counts[name] = cursor.rowcount
            cursor.execute("alter table analytics_rawevent enable trigger raw_event_stays")
            transaction.set_rollback(dry_run)
    except ProgrammingError as error:
        raise CrmError("Only the owner of the tables may do that.") from error
    if not dry_run:
        refresh_signal_reports(everything=True)
    return Cleared(**counts)
