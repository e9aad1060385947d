"""Start the two long steps of an import as jobs. The way in calls a worker afterwards."""

from django.db import transaction

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import Job, User
from crm_project.common.services.jobs import create_job
from customers.models import ImportBatch

Status = ImportBatch.Status


def start_preview(*, batch_id: int, user: User | None = None, request_id: str = "") -> Job:
    """Let a worker read the file and count what a commit would do.

    Raises:
        ConflictError: the batch is not fresh, or is being worked on.
    """
    return _start("import_preview", batch_id, {Status.UPLOADED}, user, request_id)


def start_commit(*, batch_id: int, user: User | None = None, request_id: str = "") -> Job:
    """Let a worker import the file.

    Raises:
        ConflictError: there was no preview yet, or it is committed, cancelled or being worked on.
    """
    return _start("import_commit", batch_id, {Status.PREVIEWED, Status.FAILED}, user, request_id)


@transaction.atomic
def _start(kind: str, batch_id: int, ready: set[Status], user: User | None, request_id: str) -> Job:
    batch = ImportBatch.objects.select_for_update().filter(pk=batch_id).first()
    if batch is None:
        raise CrmError("There is no such import.")
    if batch.job_id and Job.objects.unfinished().filter(pk=batch.job_id).exists():
        raise ConflictError("This import is being worked on right now.")
    if batch.status not in ready:
        raise ConflictError(f"The import is {batch.status}; this step is not possible.")
    job = create_job(kind=kind, params={"batch_id": batch.pk}, user=user, request_id=request_id)
    ImportBatch.objects.filter(pk=batch.pk).update(job=job)
    return job
