"""Bases of every admin page: read-only rows, lists of a million rows, changes with a reason."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import pghistory
from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextInputWidget

from crm_project.common import formats
from crm_project.common.admin.theme import ModelAdmin as UnfoldModelAdmin
from crm_project.common.admin.theme import TabularInline as UnfoldTabularInline
from crm_project.common.middleware import REASON_FIELD, REASON_LENGTH
from crm_project.common.models import User
from crm_project.common.selectors.estimates import estimated_rows

M = TypeVar("M", bound=Model)

# Below this many rows any column can be sorted at once; above, only columns with an index.
SORTABLE_ROWS = 50_000
# Three letters make one trigram: shorter text cannot use the search index.
SHORTEST_SEARCH = 3


class CrmAdmin(UnfoldModelAdmin[M], Generic[M]):
    """The theme's ModelAdmin, generic in its model, with our defaults."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    empty_value_display = formats.NOTHING

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Read filters without NUL, which the database would refuse with an error."""
        if any("\x00" in value for values in request.GET.lists() for value in values[1]):
            asked = request.GET.copy()
            for name, values in request.GET.lists():
                asked.setlist(name, [value.replace("\x00", "") for value in values])
            request.GET = asked  # type: ignore[assignment] # a copy is as good
        found: ChangeList = super().get_changelist_instance(request)
        return found


class CrmTabularInline(UnfoldTabularInline[M], Generic[M]):
    """A short list of rows that belong to the page's row, on a tab of its own."""

    tab = True
    extra = 0


class ReadOnlyAdminMixin:
    """For rows that the database or a task computes: look, do not touch.

    Who may see them was given the right to view them. The right to change them is that to start
    what computes them, and opens nothing: whoever keeps the CRM running sees no customer.
    """

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        opts = self.opts  # type: ignore[attr-defined] # of the ModelAdmin that it is mixed into
        return request.user.has_perm(f"{opts.app_label}.{get_permission_codename('view', opts)}")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BigListAdmin(CrmAdmin[M]):
    """A list that opens at once with a million rows.

    No ``COUNT(*)``: pages are "next" and "previous". Search goes through the model's
    ``objects.search()``, which has an index; text too short for it looks up the beginning of
    ``short_search_field`` instead. Columns without an index are sortable in small tables only.
    """

    paginator = InfinitePaginator
    list_per_page = 25
    list_disable_select_all = True
    # Anything true shows the search box; the fields themselves are not used.
    search_fields = ("pk",)
    short_search_field = ""
    indexed_columns: tuple[str, ...] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        if self.short_search_field and all(len(word) < SHORTEST_SEARCH for word in term.split()):
            return queryset.filter(**{f"{self.short_search_field}__startswith": term}), False
        return queryset.search(term), False  # type: ignore[attr-defined] # our QuerySets have it

    def get_sortable_by(self, request: HttpRequest) -> Any:
        if estimated_rows(self.model._meta.db_table) > SORTABLE_ROWS:
            return self.indexed_columns
        return super().get_sortable_by(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer no bulk delete: what a click removes must fit on the page that asks."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class ReasonForm(forms.ModelForm[Any]):
    """A form that also asks why."""

    change_reason = forms.CharField(
        label="Reason for the change",
        help_text="Optional. Kept in the history, beside who changed what and when.",
        max_length=REASON_LENGTH,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )


class ReasonAdmin(CrmAdmin[M]):
    """Adds the field "Reason for the change", and stores it with the history of the request."""

    form = ReasonForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fieldsets: list[Any] = [*super().get_fieldsets(request, obj)]
        fieldsets = [
            (name, {**options, "fields": _without_reason(options["fields"])})
            for name, options in fieldsets
        ]
        if self._may_save(request, obj):
            fieldsets.append((None, {"fields": [REASON_FIELD]}))
        return fieldsets

    def _may_save(self, request: HttpRequest, obj: Any) -> bool:
        if obj is None:
            return bool(self.has_add_permission(request))
        return bool(self.has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        remember_reason(form.cleaned_data.get(REASON_FIELD, ""))
        super().save_model(request, obj, form, change)


def _without_reason(fields: Sequence[Any]) -> list[Any]:
    return [name for name in fields if name != REASON_FIELD]


def remember_reason(reason: str) -> None:
    """Put a reason into the history context that the request already has open."""
    if reason.strip():
        pghistory.context(reason=reason.strip()[:REASON_LENGTH])


def person(request: HttpRequest) -> User | None:
    """Return who is signed in, as services want to know it."""
    return request.user if isinstance(request.user, User) else None


def done(request: HttpRequest, url: str) -> HttpResponse:
    """Leave a dialog: tell the dialog's script, or a plain form, where to go."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


__all__ = [
    "BigListAdmin",
    "ChangeList",
    "CrmAdmin",
    "CrmTabularInline",
    "ReadOnlyAdminMixin",
    "ReasonAdmin",
    "ReasonForm",
    "done",
    "person",
    "remember_reason",
]
