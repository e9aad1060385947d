"""What a page says about a running job, in words and as a bar."""

from dataclasses import dataclass
from datetime import timedelta

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from crm_project.common import formats
from crm_project.common.jobs import label_of, page_of
from crm_project.common.models import Job

# A worker takes a job within a second or two; after this long, probably none is running.
PATIENCE = timedelta(seconds=10)
# A running job shows a sign of life more often than this.
SILENCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job as a page shows it."""

    job: Job
    label: str
    percent: int | None
    done: str
    warning: str
    page: str

    @property
    def running(self) -> bool:
        return not self.job.finished


def job_progress(job: Job) -> JobProgress:
    """Describe how far a job is, and say so when nobody seems to work on it."""
    total = job.progress_total
    percent = min(100, job.progress_done * 100 // total) if total else None
    if job.status == Job.Status.SUCCEEDED:
        percent = 100
    done = formats.count(job.progress_done) if job.progress_done else ""
    if done and total:
        done = f"{done} of {formats.count(total)}"
    return JobProgress(
        job=job,
        label=label_of(job.kind),
        percent=percent,
        done=done,
        warning=_warning(job),
        page=_page(job),
    )


def _page(job: Job) -> str:
    """Return where that which the job made is looked at; empty before, and where nowhere."""
    page, key = page_of(job.kind)
    result = job.result if isinstance(job.result, dict) else {}
    if not page or job.status != Job.Status.SUCCEEDED or (key and not result.get(key)):
        return ""
    try:
        return reverse(f"admin:{page}", args=[result[key]] if key else [])
    except NoReverseMatch:
        return ""


def _warning(job: Job) -> str:
    now = timezone.now()
    if job.status == Job.Status.QUEUED and now - job.created_at > PATIENCE:
        return (
            "The job has been waiting for more than 10 seconds. Is a worker running? "
            "`make run` and `make demo` start one; the job keeps its place in the queue."
        )
    alive = job.heartbeat_at or job.started_at
    if job.status == Job.Status.RUNNING and alive and now - alive > SILENCE:
        return (
            "The job has shown no sign of life for two minutes. If its worker was stopped, "
            "another one takes the job over."
        )
    return ""
