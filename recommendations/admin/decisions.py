"""Approve, reject and flag: one item by a button, ticked items at once, a list or a run on a page.

Every button asks once more. What the rules refuse (four eyes, a closed gate, a run that was not
audited) is said in words, and nothing is changed.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.enums import ActionVariant

from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin, done, person
from crm_project.common.admin.theme import ModelAdmin, action, display
from crm_project.common.exceptions import CrmError
from crm_project.common.models import User
from customers.models import Customer
from customers.selectors.customers import by_code
from recommendations.admin.decision_forms import ApproveForm, CommentForm, RefuseForm
from recommendations.models import Decided, RecoDecision, RecoItem, RecoRun
from recommendations.selectors.audit import audits_of
from recommendations.selectors.recommendations import item, list_of
from recommendations.selectors.run_counts import waiting
from recommendations.services.approvals import (
    check_may_approve,
    decide_item,
    decide_items,
    decide_list,
    decide_run,
)

DECIDE = "recommendations.add_recodecision"
VERBS = {Decided.APPROVED: "Approve", Decided.REJECTED: "Reject", Decided.FLAGGED: "Flag"}
TONES = {"approved": "success", "rejected": "danger", "flagged": "warning"}
_LONGEST_ID = 18
_EXPLAINED = {
    Decided.APPROVED: "What is approved may leave with an export, if the customer may be contacted "
    "at that moment.",
    Decided.REJECTED: "What is rejected does not leave. The audit looks at the rest of the list "
    "when it is repeated.",
    Decided.FLAGGED: "What is flagged does not leave until somebody approves it.",
}


def _dialog(decision: Decided, form: type[ApproveForm]) -> dict[str, Any]:
    verb = VERBS[decision]
    return {
        "title": f"{verb} this recommendation?",
        "description": _EXPLAINED[decision],
        "form_class": form,
        "form_submit_text": verb,
    }


class ItemDecisions(ModelAdmin[RecoItem]):
    """Buttons of an item's page, and what can be done with items that are ticked in the list."""

    actions = ("approve_selected", "reject_selected", "flag_selected")
    actions_detail = ("approve", "reject", "flag")

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may(request) and _differs(object_id, Decided.APPROVED)

    def has_reject_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may(request) and _differs(object_id, Decided.REJECTED)

    def has_flag_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may(request) and _differs(object_id, Decided.FLAGGED)

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may(request)

    @action(
        description="Approve",
        permissions=["approve"],
        icon="check",
        variant=ActionVariant.PRIMARY,
        dialog=_dialog(Decided.APPROVED, ApproveForm),
    )
    def approve(self, request: HttpRequest, form: ApproveForm, object_id: str) -> HttpResponse:
        return _one(request, form, object_id, Decided.APPROVED)

    @action(
        description="Reject",
        permissions=["reject"],
        icon="close",
        variant=ActionVariant.DANGER,
        dialog=_dialog(Decided.REJECTED, RefuseForm),
    )
    def reject(self, request: HttpRequest, form: RefuseForm, object_id: str) -> HttpResponse:
        return _one(request, form, object_id, Decided.REJECTED)

    @action(
        description="Flag",
        permissions=["flag"],
        icon="flag",
        dialog=_dialog(Decided.FLAGGED, RefuseForm),
    )
    def flag(self, request: HttpRequest, form: RefuseForm, object_id: str) -> HttpResponse:
        return _one(request, form, object_id, Decided.FLAGGED)

    @admin.action(description="Approve the selected products …", permissions=["decide"])
    def approve_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._several(request, queryset, Decided.APPROVED)

    @admin.action(description="Reject the selected products …", permissions=["decide"])
    def reject_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._several(request, queryset, Decided.REJECTED)

    @admin.action(description="Flag the selected products …", permissions=["decide"])
    def flag_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._several(request, queryset, Decided.FLAGGED)

    def _several(
        self, request: HttpRequest, queryset: Any, decision: Decided
    ) -> HttpResponse | None:
        """Show every ticked product once more; then decide on all of them, or on none."""
        rows = list(queryset.exclude(status=decision).select_related("customer", "product"))
        if not rows:
            messages.warning(request, f"All of the selected products are {decision} already.")
            return None
        sent = "confirmed" in request.POST
        needed = decision != Decided.APPROVED
        form = CommentForm(request.POST if sent else None, needed=needed)
        if sent and form.is_valid():
            _try(request, lambda user: _total(decide_items(
                item_ids=[row.pk for row in rows], decision=decision, user=user,
                comment=form.cleaned_data["comment"])), decision)  # fmt: skip
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{VERBS[decision]} these products?",
            "opts": self.opts,
            "rows": rows,
            "verb": VERBS[decision],
            "decision": decision,
            "explained": _EXPLAINED[decision],
            "form": form,
            "action": request.POST.get("action"),
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "crm/reco_decide_items.html", context)


@admin.register(RecoDecision)
class RecoDecisionAdmin(ReadOnlyAdminMixin, CrmAdmin[RecoDecision]):
    """The log: who decided what, when and why."""

    list_display = ["created_at", "run_shown", "level", "customer", "state", "items", "user",
                    "comment"]  # fmt: skip
    list_display_links = ["created_at"]
    list_select_related = ["run", "customer", "user"]
    list_filter = ["decision", "level"]
    list_before_template = "crm/reco_decision_list_before.html"
    ordering = ["-id"]
    sortable_by = ["created_at"]
    fields = ["run_shown", "level", "customer", "item_id", "state", "items", "comment", "user",
              "created_at"]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("run", "customer", "user")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Find what was decided about one customer, by the whole code."""
        term = search_term.strip().replace("\x00", "")
        return (queryset.filter(customer=by_code(term)) if term else queryset), False

    search_fields = ["customer__code"]
    search_help_text = "A customer's code"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"any_decision": RecoDecision.objects.exists(), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @admin.display(description="Run")
    def run_shown(self, row: RecoDecision) -> str:
        return f"{row.run_id}, as of {row.run.as_of:%-d %b %Y}"

    @display(description="Decision", label=TONES)
    def state(self, row: RecoDecision) -> str:
        return row.decision


def decide_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask once more, with all numbers in sight, and decide on a run or a customer's list."""
    if not _may(request):
        raise PermissionDenied
    run = get_object_or_404(RecoRun, pk=run_id)
    asked = request.GET.get("decision", Decided.APPROVED.value)
    if asked not in VERBS:
        raise Http404
    decision, customer = Decided(asked), _customer(request)
    posted = request.POST if request.method == "POST" else None
    form = CommentForm(posted, needed=decision != Decided.APPROVED)
    if request.method == "POST" and form.is_valid():
        decided = _try(
            request, lambda user: _decide(request, run, customer, decision, user, form), decision
        )
        return HttpResponseRedirect(_back(run, customer) if decided else request.get_full_path())
    context = {
        **admin.site.each_context(request),
        "title": f"{VERBS[decision]} the list" if customer else f"{VERBS[decision]} run {run.pk}",
        "run": run,
        "customer": customer,
        "decision": decision,
        "verb": VERBS[decision],
        "explained": _EXPLAINED[decision],
        "form": form,
        "refused": _refused(request, run, customer, decision),
        "back": _back(run, customer),
        **(_list_context(run, customer) if customer else {"waiting": waiting(run=run)}),
    }
    return TemplateResponse(request, "crm/reco_decide.html", context)


def _decide(
    request: HttpRequest,
    run: RecoRun,
    customer: Customer | None,
    decision: Decided,
    user: User,
    form: CommentForm,
) -> int:
    comment = form.cleaned_data["comment"]
    if customer:
        made = decide_list(
            run=run, customer=customer, decision=decision, user=user, comment=comment
        )
    else:
        made = decide_run(
            run=run,
            decision=decision,
            user=user,
            comment=comment,
            only_passing="only_passing" in request.POST,
        )
    return made.items


def _one(
    request: HttpRequest, form: ApproveForm, object_id: str, decision: Decided
) -> HttpResponse:  # fmt: skip
    found = _item(object_id)
    if found is None:
        raise Http404
    comment = form.cleaned_data["comment"]

    def decide(user: User) -> int:
        if form.cleaned_data["whole_list"]:
            return decide_list(
                run=found.run,
                customer=found.customer,
                decision=decision,
                user=user,
                comment=comment,
            ).items
        return decide_item(
            item_id=found.pk, decision=decision, user=user, comment=comment
        ).items  # fmt: skip

    _try(request, decide, decision)
    return done(request, reverse("admin:recommendations_recoitem_change", args=[found.pk]))


def _try(request: HttpRequest, decide: Any, decision: Decided) -> bool:
    """Decide and say what changed, or say why nothing did."""
    user = person(request)
    if user is None:
        raise PermissionDenied
    try:
        number = decide(user)
    except CrmError as error:
        messages.error(request, str(error))
        return False
    words = "product is" if number == 1 else "products are"
    messages.success(request, f"{number:,} {words} {decision}.")
    return True


def _total(made: list[RecoDecision]) -> int:
    return sum(decision.items for decision in made)


def _refused(
    request: HttpRequest, run: RecoRun, customer: Customer | None, decision: Decided
) -> str:
    """Return why this person could not approve this, before it is tried."""
    user = person(request)
    if run.status != RecoRun.Status.SUCCEEDED or run.items_dropped_at:
        return "The items of this run are not kept; there is nothing to decide on."
    if user is None or decision != Decided.APPROVED:
        return ""
    level = RecoDecision.Level.LIST if customer else RecoDecision.Level.RUN
    try:
        check_may_approve(run=run, level=level, user=user)
    except CrmError as error:
        return str(error)
    return ""


def _list_context(run: RecoRun, customer: Customer) -> dict[str, Any]:
    audit = audits_of(run=run, customers=[customer.pk]).get(customer.pk)
    return {"items": list_of(customer_id=customer.pk, run=run).items, "audit": audit}


def _customer(request: HttpRequest) -> Customer | None:
    code = request.GET.get("customer", "").replace("\x00", "").strip()
    if not code:
        return None
    found = by_code(code)
    if found is None:
        raise Http404
    return found


def _back(run: RecoRun, customer: Customer | None) -> str:
    if customer:
        page = reverse("admin:customers_customer_change", args=[customer.pk])
        return f"{page}#dataset-recoitem"
    return reverse("admin:recommendations_recorun_change", args=[run.pk])


def _may(request: HttpRequest) -> bool:
    return request.user.has_perm(DECIDE)


def _differs(object_id: Any, decision: Decided) -> bool:
    """Tell whether an item is decided otherwise; a button that would change nothing is hidden."""
    if object_id is None:
        return True
    found = _item(object_id)
    return found is not None and found.status != decision


def _item(object_id: Any) -> RecoItem | None:
    text = str(object_id)
    return item(item_id=int(text)) if text.isdecimal() and len(text) <= _LONGEST_ID else None
