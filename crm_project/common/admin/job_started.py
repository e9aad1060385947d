"""Start a job from a page, and lead to where its progress is seen."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from crm_project.common import tasks
from crm_project.common.admin import done, person
from crm_project.common.exceptions import CrmError
from crm_project.common.services import jobs


def started(
    request: HttpRequest, *, kind: str, params: dict[str, Any], words: str, otherwise: str
) -> HttpResponse:
    """Put a job into the queue; go to it, or to ``otherwise`` for those who may not see jobs."""
    try:
        job = jobs.create_job(
            kind=kind,
            params=params,
            user=person(request),
            request_id=request.META.get("crm.request_id", ""),
        )
    except CrmError as error:
        messages.error(request, str(error))
        return done(request, otherwise)
    tasks.enqueue(job)
    messages.success(request, words)
    if request.user.has_perm("common.view_job"):
        return done(request, reverse("admin:common_job_change", args=[job.pk]))
    return done(request, otherwise)
