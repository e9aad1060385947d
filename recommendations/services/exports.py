"""Let approved lists leave for a campaign, and nothing else.

What leaves was approved, passed the audit, passes it again on the data of this moment, may be
contacted at this moment, and was drawn into the treatment arm. All is one transaction: arms, rows,
manifest and the file itself are there together or not at all.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from analytics.models import SavedSegment
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.models import User
from customers.models import Campaign, Purpose
from recommendations.models import Assignment, RecoExport, RecoExportFile, RecoRun
from recommendations.services import export_sql as sql
from recommendations.services.assignments import assign, attach_export, preview
from recommendations.services.audit import check_kept, lock_run
from recommendations.services.export_choice import Choice, choose
from recommendations.services.export_files import COLUMNS, pack_rows

_LOCK = 7_264_042
"""One export at a time: two campaigns must not choose the same customers at the same moment."""


@dataclass(frozen=True, slots=True)
class ExportPreview:
    """What an export would hold.

    Attributes:
        customers: who would leave; ``rows`` are their products.
        control: who may be contacted and is held back to measure the effect.
        left_out: the others with a list, by the first reason.
        scenarios: those who would leave, by the scenario of their first approved item.
    """

    customers: int
    rows: int
    control: int
    left_out: dict[str, int] = field(default_factory=dict)
    scenarios: dict[str, int] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Return the result in a sentence."""
        return (
            f"{self.customers:,} customers with {self.rows:,} products would leave; "
            f"{self.control:,} are held back as the control group, "
            f"{sum(self.left_out.values()):,} are left out."
        )


@transaction.atomic
def preview_export(
    *,
    run: RecoRun,
    campaign: Campaign,
    segment: SavedSegment | None = None,
    again: bool = True,
) -> ExportPreview:
    """Return what an export would hold now, and write nothing.

    Args:
        again: whether the lists themselves are judged again, which takes some seconds for every
            ten thousand; otherwise the stored audit counts for them.

    Raises ``CrmError`` in words where an export would be refused as a whole.
    """
    check_kept(run)
    now = timezone.now()
    check_exportable(run, campaign, now)
    choice = choose(run=run, campaign=campaign, segment=segment, at=now, again=again)
    arms = preview(campaign=campaign, customers=list(choice.scenarios))
    treated = [who for who, arm in arms.items() if arm == Assignment.Arm.TREATMENT]
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from recommendations_recoitem"
            " where run_id = %s and status = 'approved' and customer_id = any(%s)",
            [run.pk, treated],
        )
        rows = int(cursor.fetchone()[0])
    scenarios = Counter(choice.scenarios[who] for who in treated)
    return ExportPreview(
        customers=len(treated),
        rows=rows,
        control=len(arms) - len(treated),
        left_out=choice.left_out,
        scenarios=dict(sorted(scenarios.items())),
    )


def export(
    *,
    run: RecoRun,
    campaign: Campaign,
    user: User | None,
    segment: SavedSegment | None = None,
    progress: Progress | None = None,
) -> RecoExport:
    """Draw the arms of a campaign and write the file of those who are treated.

    Args:
        run: audited, its gate passed; only its approved items leave.
        campaign: says channel, purpose and the share of the control group.
        segment: only its members.

    Raises ``CrmError`` when nothing may leave, with the reasons and how many each keeps back, and
    ``ConflictError`` while the run is busy or another export is being made. Whoever left for this
    campaign before does not leave again.
    """
    with transaction.atomic():
        lock_run(run)
        _lock()
        now = timezone.now()
        check_exportable(run, campaign, now)
        _tell(progress, 0, "Choosing who may leave")
        choice = choose(run=run, campaign=campaign, segment=segment, at=now)
        _tell(progress, 1, "Drawing the control group")
        treated, control = _draw(run, campaign, choice)
        if not treated:
            raise CrmError(_nobody(choice, control))
        _tell(progress, 2, "Writing the file")
        made = _write(run, campaign, user, treated, choice)
        _describe(made, choice, segment, control=control, at=now)
        attach_export(campaign=campaign, customers=treated, export=made)
        _tell(progress, 3, "Done")
    return made


def check_exportable(run: RecoRun, campaign: Campaign, at: datetime) -> None:
    """Refuse, in words, a run or a campaign of which nothing may leave."""
    if campaign.purpose != Purpose.MARKETING:
        # Such a message also reaches who opted out; an offer in it would go around that.
        raise CrmError(
            f"The campaign {campaign.code} is {campaign.get_purpose_display().lower()}, and "
            "recommendations are marketing; they leave for marketing campaigns only."
        )
    if not run.gate:
        raise CrmError(f"Run {run.pk} was not audited yet; audit it first.")
    if not run.gate.get("passed"):
        reasons = " ".join(run.gate.get("reasons", []))
        raise CrmError(
            f"Run {run.pk} did not pass the gate ({run.gate.get('policy')}). {reasons}".strip()
        )
    if campaign.ends_at is not None and campaign.ends_at <= at:
        raise CrmError(f"The campaign {campaign.code} is over; nothing leaves for it.")


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [_LOCK])
        free = cursor.fetchone()[0]
    if not free:
        raise ConflictError("Another export is being made right now; try again soon.")


def _draw(run: RecoRun, campaign: Campaign, choice: Choice) -> tuple[list[int], int]:
    """Return who is treated, and how many are not."""
    customers = list(choice.scenarios)
    with connection.cursor() as cursor:
        cursor.execute(sql.SEGMENTS, [customers])
        segments = dict(cursor.fetchall())
    arms = assign(
        campaign=campaign,
        customers=customers,
        run=run,
        scenarios=choice.scenarios,
        segments=segments,
    )
    treated = sorted(who for who, arm in arms.items() if arm == Assignment.Arm.TREATMENT)
    return treated, len(arms) - len(treated)


def _nobody(choice: Choice, control: int) -> str:
    counts = choice.left_out | ({"CONTROL": control} if control else {})
    if not counts:
        return "Nothing leaves: the run has no lists."
    told = ", ".join(f"{code} {count:,}" for code, count in sorted(counts.items()))
    return f"Nothing leaves: no customer is approved, audited and free to be contacted. {told}."


def _write(
    run: RecoRun, campaign: Campaign, user: User | None, treated: list[int], choice: Choice
) -> RecoExport:
    """Write the rows, then the file from them, then its hash."""
    made = RecoExport.objects.create(
        run=run,
        campaign=campaign,
        channel=campaign.channel,
        purpose=campaign.purpose,
        manifest={},
        sha256="0" * 64,
        customers=len(treated),
        rows=0,
        left_out=choice.left_out,
        created_by=user,
    )
    names = {"run": run.pk, "export": made.pk, "campaign": campaign.pk}
    with connection.cursor() as cursor:
        cursor.execute(sql.LEAVE, names | {"customers": treated})
        made.rows = cursor.rowcount
        cursor.execute(sql.LEAKED, names)
        if cursor.fetchone()[0]:
            raise CrmError("The export held rows that must not leave; nothing was exported.")
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql.ROWS, names | {"channel": campaign.channel})
        packed = pack_rows(iter(cursor))
    RecoExportFile.objects.create(export=made, packed=packed.content, size=packed.size)
    made.sha256 = packed.sha256
    made.manifest = {"bytes": packed.size, "rows": packed.rows}
    return made


def _describe(
    made: RecoExport,
    choice: Choice,
    segment: SavedSegment | None,
    *,
    control: int,
    at: datetime,
) -> None:
    run, campaign = made.run, made.campaign
    made.manifest |= {
        "export": made.pk,
        "sha256": made.sha256,
        "made_at": at.isoformat(),
        "made_by": made.created_by.get_username() if made.created_by else "",
        "columns": list(COLUMNS),
        "encoding": "utf-8",
        "run": run.pk,
        "as_of": run.as_of.isoformat(),
        "config_hash": run.config.hash,
        "result_hash": run.result_hash,
        "code_version": run.code_version,
        "gate": {name: run.gate.get(name) for name in ("policy", "passed", "four_eyes")},
        "audited_at": run.checks.get("audited_at"),
        "campaign": campaign.code,
        "channel": made.channel,
        "purpose": made.purpose,
        "segment": segment.slug if segment else "",
        "holdout_share": str(campaign.holdout_share),
        "customers": made.customers,
        "control": control,
        "left_out": choice.left_out,
    }
    made.save(update_fields=["manifest", "sha256", "rows"])


def _tell(progress: Progress | None, done: int, message: str) -> None:
    if progress is not None:
        progress(done, 3, message)
