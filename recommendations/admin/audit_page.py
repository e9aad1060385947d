"""The audit of a run on a page: the gate, what was found and about whom, who decided what."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget

from crm_project.common.admin import person
from crm_project.common.admin.job_started import started
from crm_project.common.exceptions import CrmError
from recommendations.admin.audit_shown import shown
from recommendations.admin.item_filters import RUNS
from recommendations.models import AuditItem, RecoRun
from recommendations.scoring.audit_rules import BY_CODE, POLICIES
from recommendations.selectors.audit import (
    MOST_NAMED,
    decisions,
    finding_words,
    findings_with,
    newest_run,
)
from recommendations.selectors.recommendations import kept_runs
from recommendations.selectors.run_counts import statuses
from recommendations.services.audit import check_may_choose

PAGE = "admin:recommendations_audit"
VIEW = "recommendations.view_recoaudit"
AGAIN = "recommendations.add_recorun"
DECISIONS_SHOWN = 10
_LONGEST_KEY = 9


class AgainForm(forms.Form):
    """Under which policy a run is audited."""

    policy = forms.ChoiceField(
        label="Policy",
        choices=[(name, name.capitalize()) for name in POLICIES],
        widget=UnfoldAdminSelectWidget,
        required=False,
    )


def audit_view(request: HttpRequest) -> HttpResponse:
    """Show the audit of the run asked for, else of the current one."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    return _page(request, _asked(request))


def run_audit_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Lead to the audit of one run: jobs name the run in the path."""
    return HttpResponseRedirect(f"{reverse(PAGE)}?run={run_id}")


@require_POST
def again_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Put another audit of the run into the queue."""
    if not request.user.has_perm(AGAIN):
        raise PermissionDenied
    run = get_object_or_404(RecoRun, pk=run_id)
    form = AgainForm(request.POST)
    policy = form.cleaned_data["policy"] if form.is_valid() else ""
    try:
        check_may_choose(run=run, policy=policy, user=person(request))
    except CrmError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(f"{reverse(PAGE)}?run={run.pk}")
    return started(
        request,
        kind="audit_recommendations",
        params={"run": run.pk, "policy": policy or None},
        words="The audit is in the queue. The former one shows until it is done.",
        otherwise=f"{reverse(PAGE)}?run={run.pk}",
    )


def _page(request: HttpRequest, run: RecoRun | None) -> HttpResponse:
    code = request.GET.get("code", "")
    code = code if code in BY_CODE else ""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Audit",
        "run": run,
        "runs": kept_runs()[:RUNS],
        "may_again": request.user.has_perm(AGAIN),
        "may_decide": request.user.has_perm("recommendations.add_recodecision"),
        "may_export": request.user.has_perm("recommendations.add_recoexport"),
        **(_run_context(request, run, code) if run else {}),
    }
    return TemplateResponse(request, "crm/reco_audit.html", context)


def _run_context(request: HttpRequest, run: RecoRun, code: str) -> dict[str, Any]:
    kept = run.status == RecoRun.Status.SUCCEEDED and run.items_dropped_at is None
    quality = [row for row in run.quality.get("findings", []) if row.get("count")]
    context: dict[str, Any] = {
        "shown": shown(run, statuses(run=run) if kept else {}, code=code),
        "kept": kept,
        "audited_at": parse_datetime(run.checks.get("audited_at") or ""),
        "quality": sorted(quality, key=lambda row: (not row.get("stops"), str(row.get("code")))),
        "decisions": list(decisions(run=run)[:DECISIONS_SHOWN]),
        "form": AgainForm(initial={"policy": run.gate.get("policy") or settings.CRM_GATE_POLICY}),
        "code": code,
    }
    if code and kept:
        found = findings_with(run=run, code=code, after=_after(request), most=MOST_NAMED + 1)
        context["who"] = [(row, finding_words(row.code, row.details)) for row in found[:MOST_NAMED]]
        context["what"] = BY_CODE[code]
        context["next"] = _mark(found[MOST_NAMED - 1]) if len(found) > MOST_NAMED else ""
    return context


def _asked(request: HttpRequest) -> RecoRun | None:
    text = request.GET.get("run", "")
    if text.isdecimal() and len(text) <= _LONGEST_KEY:
        rows = RecoRun.objects.select_related("config", "created_by")
        return get_object_or_404(rows, pk=int(text))
    return newest_run()


def _mark(row: AuditItem) -> str:
    return f"{row.customer_id}-{row.ordinal}"


def _after(request: HttpRequest) -> tuple[int, int]:
    """Return behind which finding a page begins; an address without sense gives the first."""
    customer, _, ordinal = request.GET.get("after", "").partition("-")
    known = customer.isdecimal() and ordinal.isdecimal()
    if not known or len(customer) > 2 * _LONGEST_KEY or len(ordinal) > 4:
        return 0, 0
    return int(customer), int(ordinal)
