"""What every installation collects: sessions, sign-ins, stored answers, jobs that are over."""

from datetime import datetime

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.sessions.models import Session
from django.db.models import SET_NULL, Exists, ForeignObjectRel, OuterRef, QuerySet

from crm_project.common.models import Job, StoredResponse
from crm_project.common.services import idempotency
from crm_project.common.services.tidying import remove
from crm_project.common.tidying import Chore, Cleared, register


def clear_sessions(*, limit: datetime, dry_run: bool) -> Cleared:
    """Remove sessions that ran out before ``limit``. Whoever had one signs in again anyway."""
    sessions = Session.objects.filter(expire_date__lt=limit).order_by("expire_date")
    return Cleared(remove(rows=sessions, dry_run=dry_run))


def clear_sign_ins(*, limit: datetime, dry_run: bool) -> Cleared:
    """Remove sign-ins and failed ones before ``limit``: they hold names and addresses."""
    logs = (AccessLog, AccessAttempt, AccessFailureLog)
    found = (log.objects.filter(attempt_time__lt=limit).order_by("pk") for log in logs)
    return Cleared(sum(remove(rows=rows, dry_run=dry_run) for rows in found))


def clear_answers(*, limit: datetime, dry_run: bool) -> Cleared:
    """Remove answers that no repeated request gets any more: they hold customers' data."""
    answers = StoredResponse.objects.filter(created_at__lte=limit - idempotency.KEPT)
    return Cleared(remove(rows=answers.order_by("created_at"), dry_run=dry_run))


def clear_jobs(*, limit: datetime, dry_run: bool) -> Cleared:
    """Remove jobs that were over before ``limit``, unless another row needs them.

    Imports and runs of the pipeline stay, without their job.
    """
    over = Job.objects.exclude(status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    old = _needed_by_none(over.filter(finished_at__lt=limit))
    return Cleared(remove(rows=old.order_by("pk"), dry_run=dry_run))


def _needed_by_none(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Leave out jobs whose end would be that of another row, or be refused because of one."""
    for relation in Job._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.on_delete is not SET_NULL:
            rows = relation.related_model._default_manager
            jobs = jobs.exclude(Exists(rows.filter(**{relation.field.name: OuterRef("pk")})))
    return jobs


def register_parts() -> None:
    """Have these done every night."""
    register(
        Chore("Sessions", clear_sessions, goes="which had run out"),
        Chore("Sign-ins", clear_sign_ins, "CRM_KEEP_SIGN_IN_DAYS"),
        Chore("Stored answers", clear_answers, goes="older than 24 hours"),
        Chore("Jobs", clear_jobs, "CRM_KEEP_JOB_DAYS", "over for more than {days} days"),
    )
