"""Outcomes: what campaigns changed, who was drawn for which arm, and what followed."""

from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from analytics.admin.job_started import started
from crm_project.common.admin import (
    BigListAdmin,
    CrmAdmin,
    HistoryAdmin,
    ReadOnlyAdminMixin,
    person,
)
from crm_project.common.admin.bases import M
from crm_project.common.exceptions import CrmError
from customers.models import Campaign
from recommendations.admin.outcomes_shown import ARMS, shown
from recommendations.models import Assignment, OutcomeEvent, OutcomeWindow, UpliftReport
from recommendations.selectors.outcomes import newest_report, report_of, reports
from recommendations.services.learning import propose

PAGE = "admin:recommendations_outcomes"
VIEW = "recommendations.view_upliftreport"
MEASURE = "recommendations.add_upliftreport"
PROPOSE = "recommendations.add_recoconfig"
DAYS_OFFERED = 60


@admin.register(UpliftReport)
class UpliftReportAdmin(ReadOnlyAdminMixin, CrmAdmin[UpliftReport]):
    """The page of outcomes stands in the menu; this list leads to its days."""

    list_display = ["as_of", "about", "first_words", "created_at"]
    list_display_links = ["as_of"]
    list_select_related = ["campaign"]
    list_filter = ["campaign"]
    sortable_by = ["as_of"]

    def get_urls(self) -> list[URLPattern]:
        def to(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=name)
            return found

        return [
            to("outcomes/", outcomes_view, "recommendations_outcomes"),
            to("outcomes/measure/", measure_view, "recommendations_outcomes_measure"),
            to("outcomes/propose/", propose_view, "recommendations_outcomes_propose"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lead to the page, which shows the same report readably."""
        found = self.get_object(request, object_id)
        if found is None or not self.has_view_permission(request, found):
            return super().change_view(  # type: ignore[no-any-return] # the theme is not typed
                request, object_id, form_url, extra_context
            )
        code = found.campaign.code if found.campaign else ""
        return HttpResponseRedirect(
            f"{reverse(PAGE)}?campaign={code}&as_of={found.as_of.isoformat()}"
        )

    @admin.display(description="About", ordering="campaign")
    def about(self, row: UpliftReport) -> str:
        return row.campaign.name if row.campaign else "All campaigns"

    @admin.display(description="In words")
    def first_words(self, row: UpliftReport) -> str:
        return str(row.words[0]) if row.words else ""


def outcomes_view(request: HttpRequest) -> HttpResponse:
    """Show the report of the campaign and the day that the user chooses."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    code = request.GET.get("campaign", "").replace("\x00", "")
    campaign = Campaign.objects.filter(code=code).first() if code else None
    report = _asked(campaign, request.GET.get("as_of", ""))
    drawn = Campaign.objects.filter(assignments__isnull=False).distinct().order_by("name")
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Outcomes",
        "report": report,
        "shown": shown(report) if report else None,
        "arms": ARMS,
        "campaign": campaign,
        "campaigns": drawn,
        "days": list(reports(campaign=campaign).values_list("as_of", flat=True)[:DAYS_OFFERED]),
        "drawn": Assignment.objects.exists(),
        "may_measure": request.user.has_perm(MEASURE),
        "may_propose": request.user.has_perm(PROPOSE),
    }
    return TemplateResponse(request, "crm/outcomes.html", context)


def _asked(campaign: Campaign | None, text: str) -> UpliftReport | None:
    """Return the report of the day asked for; of the newest where there is none."""
    try:
        found = report_of(campaign=campaign, as_of=date.fromisoformat(text))
    except ValueError:
        found = None
    return found or newest_report(campaign=campaign)


@require_POST
def measure_view(request: HttpRequest) -> HttpResponse:
    """Look for outcomes in the background."""
    if not request.user.has_perm(MEASURE):
        raise PermissionDenied
    return started(
        request,
        kind="measure_outcomes",
        params={},
        words="Measuring is in the queue.",
        otherwise=reverse(PAGE),
    )


@require_POST
def propose_view(request: HttpRequest) -> HttpResponse:
    """Propose settings from what was learned."""
    if not request.user.has_perm(PROPOSE):
        raise PermissionDenied
    try:
        found = propose(user=person(request))
    except CrmError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse(PAGE))
    for words in found.words:
        messages.info(request, words)
    if found.config is None:
        return HttpResponseRedirect(reverse(PAGE))
    messages.success(request, "The settings are proposed. Nothing changes until you activate them.")
    page = "admin:recommendations_recoconfig_change"
    return HttpResponseRedirect(reverse(page, args=[found.config.pk]))


@admin.register(OutcomeWindow)
class OutcomeWindowAdmin(HistoryAdmin[OutcomeWindow]):
    list_display = ["scenario", "days", "updated_at"]
    fields = ["scenario", "days"]


class ByCustomer(ReadOnlyAdminMixin, BigListAdmin[M]):
    """A list that is searched by the whole code of a customer."""

    search_help_text = "Code of a customer"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        code = search_term.strip().replace("\x00", "")
        return (queryset.filter(customer__code=code) if code else queryset), False


@admin.register(Assignment)
class AssignmentAdmin(ByCustomer[Assignment]):
    """Who was drawn for which arm. Never changed: not even by those who may do everything."""

    list_display = ["customer", "campaign", "arm", "scenario", "segment", "assigned_at",
                    "contacted_at"]  # fmt: skip
    list_select_related = ["customer", "campaign"]
    list_filter = ["arm", "campaign", "scenario"]
    sortable_by = ()
    raw_id_fields = ["customer"]


@admin.register(OutcomeEvent)
class OutcomeEventAdmin(ByCustomer[OutcomeEvent]):
    """Orders that followed a contact, and answers to what was offered."""

    list_display = ["customer", "kind", "occurred_at", "match_level", "last_touch_reco_rank",
                    "amount", "returned_amount", "campaign"]  # fmt: skip
    list_select_related = ["customer", "assignment__campaign"]
    list_filter = ["kind", "match_level"]
    ordering = ["-id"]
    sortable_by = ()

    @admin.display(description="Campaign")
    def campaign(self, row: OutcomeEvent) -> str:
        return row.assignment.campaign.name if row.assignment else ""
