"""The queue of labels that may belong to a product: look, accept, reject, go on to the next."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin, done, person
from crm_project.common.admin.job_started import started
from crm_project.common.admin.theme import (
    BaseDialogForm,
    DropdownFilter,
    RadioFilter,
    action,
    display,
)
from crm_project.common.exceptions import CrmError
from orders.admin.label_forms import AcceptForm, OtherProductForm, SuggestForm
from orders.models import LabelSuggestion, Product
from orders.selectors.labels import candidates, doubles, next_pending, states
from orders.services.label_decisions import MOST_AT_ONCE, Decided, accept, reject, reopen

STATES = {"pending": "warning", "accepted": "success", "rejected": "danger"}
LIST = "admin:orders_labelsuggestion_changelist"


class StatusFilter(RadioFilter):
    """What waits is shown first; what was decided stays as a record."""

    title = "status"
    parameter_name = "status"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("pending", "Waiting"), ("accepted", "Accepted"), ("rejected", "Rejected"),
                ("all", "All")]  # fmt: skip

    def value(self) -> str:
        return super().value() or "pending"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        status = self.value()
        return queryset if status == "all" else queryset.filter(status=status)


class OriginFilter(DropdownFilter):
    title = "where from"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return LabelSuggestion.Origin.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(origin=self.value()) if self.value() else queryset


@admin.register(LabelSuggestion)
class LabelSuggestionAdmin(ReadOnlyAdminMixin, CrmAdmin[LabelSuggestion]):
    list_display = ["label", "seen", "proposed", "alike", "origin", "state"]
    list_select_related = ["product", "other"]
    list_filter = [StatusFilter, OriginFilter]
    list_before_template = "crm/label_list_before.html"
    ordering = ["-seen", "-id"]
    sortable_by = ["seen"]
    search_fields = ["label"]
    search_help_text = "Words of the label"
    actions = ["accept_selected", "reject_selected"]
    actions_list = ["suggest"]
    actions_detail = ["accept_one", "accept_other", "reject_one", "reopen_one"]
    fields = ["label", "state", "proposed", "alike", "other_shown", "others_alike", "seen",
              "origin", "source", "key", "import_shown", "first_seen_at", "last_seen_at",
              "decided_by", "decided_at"]  # fmt: skip
    readonly_fields = fields

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may(request) and (object_id is None or _status(object_id) == "pending")

    def has_reopen_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may(request) and _status(object_id) == "rejected"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.replace("\x00", "").strip()
        return (queryset.search(term) if term else queryset), False  # type: ignore[attr-defined]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"states": states(), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    # --- Many at once -------------------------------------------------------------------------

    @admin.action(description="Accept the selected proposals …", permissions=["decide"])
    def accept_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._confirm(request, queryset, "Accept")

    @admin.action(description="Reject the selected proposals …", permissions=["decide"])
    def reject_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._confirm(request, queryset, "Reject")

    def _confirm(self, request: HttpRequest, queryset: Any, verb: str) -> HttpResponse | None:
        """Ask once more, with every pair in sight; then decide about all of them."""
        rows = list(queryset.pending().select_related("product", "other")[: MOST_AT_ONCE + 1])
        if not rows:
            messages.warning(request, "None of the selected labels waits any more.")
            return None
        if "confirmed" in request.POST:
            retire = "retire" in request.POST
            self._decide(request, verb, [row.pk for row in rows], retire=retire)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb} these proposals?",
            "opts": self.opts,
            "rows": rows,
            "verb": verb,
            "doubles": doubles(rows) if verb == "Accept" else 0,
            "action": request.POST.get("action"),
        }
        return TemplateResponse(request, "crm/label_confirm.html", context)

    # --- One ----------------------------------------------------------------------------------

    @action(
        description="Accept",
        permissions=["decide"],
        icon="check",
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Is the label this product's?",
            "description": "It becomes an alias: lines of orders that bear it name the product.",
            "form_class": AcceptForm,
            "form_submit_text": "Accept",
        },
    )
    def accept_one(self, request: HttpRequest, form: AcceptForm, object_id: str) -> HttpResponse:
        return self._one(request, "Accept", object_id, retire=form.cleaned_data["retire"])

    @action(
        description="Another product …",
        permissions=["decide"],
        icon="swap_horiz",
        dialog={
            "title": "Which product is meant?",
            "description": "The label becomes an alias of the product you name.",
            "form_class": OtherProductForm,
            "form_submit_text": "Accept",
        },
    )
    def accept_other(
        self, request: HttpRequest, form: OtherProductForm, object_id: str
    ) -> HttpResponse:
        said = form.cleaned_data
        choice = {"product": said["product"], "retire": said["retire"]}
        return self._one(request, "Accept", object_id, **choice)

    @action(
        description="Reject",
        permissions=["decide"],
        icon="close",
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Is the label not this product's?",
            "description": "It is remembered: only a product that is more alike is proposed later.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Reject",
        },
    )
    def reject_one(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._one(request, "Reject", object_id)

    @action(
        description="Open again",
        permissions=["reopen"],
        icon="undo",
        dialog={
            "title": "Decide anew about this label?",
            "description": "It waits in the queue again.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Open again",
        },
    )
    def reopen_one(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        try:
            reopen(ids=[get_object_or_404(LabelSuggestion, pk=object_id).pk])
            messages.success(request, "The label waits again.")
        except CrmError as error:
            messages.error(request, str(error))
        return done(request, _page(object_id))

    def _one(self, request: HttpRequest, verb: str, object_id: str, **choice: Any) -> HttpResponse:
        """Decide, and go on to the next label that waits, so that hands stay on the keyboard."""
        row = get_object_or_404(LabelSuggestion, pk=object_id)
        if not self._decide(request, verb, [row.pk], **choice):
            return done(request, _page(object_id))
        following = next_pending(after=row)
        return done(request, _page(following.pk) if following else reverse(LIST))

    def _decide(
        self,
        request: HttpRequest,
        verb: str,
        ids: list[int],
        *,
        product: Product | None = None,
        retire: bool = False,
    ) -> bool:
        try:
            if verb == "Accept":
                found = accept(ids=ids, user=person(request), product=product, retire=retire)
                messages.success(request, _accepted_words(request, found))
            else:
                found = reject(ids=ids, user=person(request))
                words = "are" if len(found.suggestions) != 1 else "is"
                messages.success(request, f"{_labels(found)} {words} rejected.")
        except CrmError as error:
            messages.error(request, str(error))
            return False
        return True

    # --- Looking for more -----------------------------------------------------------------------

    @action(
        description="Look for suggestions",
        permissions=["decide"],
        icon="search",
        dialog={
            "title": "Look for suggestions",
            "description": "Finds, in the background, products for the labels that wait, and "
            "products that look like another one.",
            "form_class": SuggestForm,
            "form_submit_text": "Look",
        },
    )
    def suggest(self, request: HttpRequest, form: SuggestForm) -> HttpResponse:
        return started(
            request,
            kind="suggest_aliases",
            params={"alike": form.cleaned_data["alike"]},
            words="The search is in the queue.",
            otherwise=reverse(LIST),
        )

    # --- What is shown --------------------------------------------------------------------------

    @display(description="Status", label=STATES)
    def state(self, row: LabelSuggestion) -> str:
        return row.status

    @admin.display(description="Proposed product")
    def proposed(self, row: LabelSuggestion) -> SafeString | str:
        return _link(row.product) if row.product else "none is alike"

    @admin.display(description="Letters in common")
    def alike(self, row: LabelSuggestion) -> str:
        return formats.NOTHING if row.similarity is None else f"{row.similarity:.0%}"

    @admin.display(description="Own label of")
    def other_shown(self, row: LabelSuggestion) -> SafeString | str:
        return _link(row.other) if row.other else formats.NOTHING

    @admin.display(description="Also alike")
    def others_alike(self, row: LabelSuggestion) -> SafeString | str:
        own = {row.product.key if row.product else "", row.other.key if row.other else ""}
        found = [one for one in candidates(row.label) if one.key not in own]
        return format_html_join(
            "", "<div>{}: {} ({})</div>",
            ((one.key, one.label, f"{one.similarity:.0%}") for one in found),
        ) or formats.NOTHING  # fmt: skip

    @admin.display(description="Newest import that refused it")
    def import_shown(self, row: LabelSuggestion) -> SafeString | str:
        return _import_link(row.batch_id) if row.batch_id else formats.NOTHING


def _may(request: HttpRequest) -> bool:
    return request.user.has_perm("orders.decide_labelsuggestion")


def _status(object_id: Any) -> str:
    """Return the status of a row, empty where there is none; buttons depend on it."""
    if not str(object_id).isdecimal():
        return ""
    row = LabelSuggestion.objects.filter(pk=object_id).only("status").first()
    return row.status if row else ""


def _page(object_id: Any) -> str:
    return reverse("admin:orders_labelsuggestion_change", args=[object_id])


def _link(product: Product) -> SafeString:
    url = reverse("admin:orders_product_change", args=[product.pk])
    return format_html('<a class="crm-link" href="{}">{}</a>', url, str(product))


def _import_link(batch_id: int) -> SafeString:
    url = reverse("admin:customers_importbatch_change", args=[batch_id])
    return format_html('<a class="crm-link" href="{}">Import {}</a>', url, batch_id)


def _labels(found: Decided) -> str:
    number = len(found.suggestions)
    return f"{number:,} label{'s' if number != 1 else ''}"


def _accepted_words(request: HttpRequest, found: Decided) -> SafeString | str:
    """Say what was accepted, and where the refused lines can be imported again."""
    plural = len(found.suggestions) != 1
    words = f"{_labels(found)} {'are aliases' if plural else 'is an alias'} now."
    if not found.batches or not request.user.has_perm("customers.view_importbatch"):
        return words
    links = format_html_join(", ", "{}", ((_import_link(pk),) for pk in found.batches))
    return format_html("{} The refused lines can be imported again: {}.", words, links)
