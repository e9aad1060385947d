"""What the pages of saved segments show beside the form: the live count, the reasons, the state."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse

from analytics.admin.saved_segment_form import problem_words
from analytics.models import SavedSegment
from analytics.scoring.segment_examples import usable
from analytics.scoring.segment_rules import MAX_JSON, Problem, RuleError
from analytics.selectors.saved_segments import read_rule, read_rule_text, tried, why
from analytics.selectors.segment_choices import registry
from analytics.selectors.segment_words import in_words
from crm_project.common import formats
from crm_project.common.admin.theme import ModelAdmin
from crm_project.common.registry import Kpi
from customers.selectors.customers import by_code

SHOWN_EXPORTS = 5


class SavedSegmentPages(ModelAdmin[SavedSegment]):
    """Views of their own, and what the list and the form get to show."""

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        """Count and show who meets a rule that is being written. Nothing is stored."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return JsonResponse({"problems": [_problem(_NOT_POSTED)]}, status=405)
        text = request.POST.get("rule", "")[: MAX_JSON + 1]
        try:
            rule = read_rule_text(text)
        except RuleError as error:
            return JsonResponse({"problems": [_problem(each) for each in error.problems]})
        personal = request.user.has_perm("customers.view_customer")
        context = {"trial": tried(rule), "personal": personal}
        html = render_to_string("crm/saved_preview.html", context, request=request)
        return JsonResponse({"problems": [], "html": html})

    def why_view(self, request: HttpRequest, segment_id: int) -> HttpResponse:
        """Say part by part whether one customer meets the rule, now."""
        allowed = request.user.has_perm("customers.view_customer")
        if not (self.has_view_permission(request) and allowed):
            raise PermissionDenied
        segment = get_object_or_404(SavedSegment, pk=segment_id)
        code = request.GET.get("customer", "").strip()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Why is somebody in “{segment.name}”?",
            "opts": self.opts,
            "segment": segment,
            "code": code,
            **(_reasons(segment, code) if code else {}),
        }
        return TemplateResponse(request, "crm/saved_why.html", context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "examples": list(usable(registry())) if self.has_add_permission(request) else [],
            "has_segments": SavedSegment.objects.exists(),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        segment = context.get("original")
        if segment is not None:
            context["kpis"] = [] if segment.is_archived else list(figures(segment))
            context["words"] = in_words(segment)
            context["may_ask_why"] = request.user.has_perm("customers.view_customer")
            context["exports"] = (
                segment.exports.select_related("user")[:SHOWN_EXPORTS]
                if request.user.has_perm("analytics.view_savedsegmentexport")
                else []
            )
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response


_NOT_POSTED = Problem("", "not_posted", "Send the rule with POST.")


def _problem(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "words": problem.words, "full": problem_words(problem)}


def _reasons(segment: SavedSegment, code: str) -> dict[str, Any]:
    customer = by_code(code)
    if customer is None:
        return {"missing": True}
    try:
        rule = read_rule(segment.rule)
    except RuleError as error:
        return {"customer": customer, "broken": str(error)}
    member = segment.members.filter(customer=customer).first()
    return {"customer": customer, "why": why(rule, customer=customer), "member": member}


def figures(segment: SavedSegment) -> list[Kpi]:
    """Return what the last rebuild found, each saying as of when."""
    if segment.built_at is None:
        return [Kpi("Customers", "not built yet", note="“Rebuild” finds the members.")]
    url = f"{reverse('admin:customers_customer_changelist')}?saved={segment.slug}"
    as_of = f"as of {formats.moment(segment.built_at)}"
    took = (segment.duration_ms or 0) / 1000
    return [
        Kpi("Customers", formats.count(segment.member_count), note=as_of, href=url),
        Kpi("Came", f"+{segment.added_count or 0:,}", note="with the last rebuild"),
        Kpi("Left", f"{formats.MINUS}{segment.removed_count or 0:,}", note="with the last rebuild"),
        Kpi("Rebuild took", f"{took:,.2f} s", note=as_of),
    ]
