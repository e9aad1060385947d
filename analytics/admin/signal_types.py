"""What each kind of signal is worth, edited by staff with a reason and a history."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from analytics.admin.signal_marks import CLASS_COLOURS, class_words
from analytics.models import SignalType
from crm_project.common import formats
from crm_project.common.admin import HistoryAdmin, ReasonAdmin, ReasonForm
from crm_project.common.admin.theme import RadioFilter
from crm_project.common.selectors.history import Source


class SignalTypeForm(ReasonForm):
    """A name belongs to one type: as its own name, or as another name of it."""

    class Meta:
        model = SignalType
        fields = ["event_type", "label", "base_score", "signal_class", "aliases", "description"]
        widgets = {"aliases": UnfoldAdminTextInputWidget}
        labels = {"aliases": "Also sent as"}
        help_texts = {
            "aliases": "Other names under which it is sent, with commas between them, like "
            "product_viewed for view."
        }

    def clean_aliases(self) -> list[str]:
        given: list[str] = self.cleaned_data["aliases"] or []
        return list(dict.fromkeys(given))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        own = data.get("event_type") or self.instance.event_type
        others = SignalType.objects.exclude(pk=self.instance.pk)
        taken = {name: other.label for other in others
                 for name in (other.event_type, *other.aliases)}  # fmt: skip
        for name in data.get("aliases", []):
            if name == own:
                self.add_error("aliases", f"{name} is the name of this type itself.")
            elif name in taken:
                self.add_error("aliases", f"{name} belongs to “{taken[name]}” already.")
        if own in taken:
            self.add_error("event_type" if "event_type" in self.fields else None,
                           f"{own} belongs to “{taken[own]}” already.")  # fmt: skip
        return data


class ClassFilter(RadioFilter):
    title = "class"
    parameter_name = "class"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [(value or "none", str(words).capitalize())
                for value, words in SignalType.Class.choices]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(signal_class="" if value == "none" else value)


@admin.register(SignalType)
class SignalTypeAdmin(HistoryAdmin[SignalType], ReasonAdmin[SignalType]):
    """A change counts for signals stored from then on; stored ones keep their score."""

    form = SignalTypeForm
    list_display = ["label", "event_type", "base_score", "class_shown", "other_names"]
    list_filter = [ClassFilter]
    ordering = ["-base_score", "label"]
    search_fields = ["event_type", "label", "aliases"]
    search_help_text = "Name, label or another name"
    list_before_template = "crm/signals_types_before.html"
    history_sources = [Source(apps.get_model("analytics.SignalTypeEvent"))]
    fieldsets = (
        (None, {"fields": [("label", "event_type"), ("base_score", "signal_class"), "aliases",
                           "description"]}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Stored signals carry the name: it is fixed once the type exists."""
        return ["event_type"] if obj else []

    @admin.display(description="Class", ordering="signal_class")
    def class_shown(self, row: SignalType) -> SafeString:
        return format_html(
            '<span class="crm-dot" style="background:{}"></span>{}',
            CLASS_COLOURS[row.signal_class],
            class_words(row.signal_class),
        )

    @admin.display(description="Also sent as")
    def other_names(self, row: SignalType) -> str:
        return ", ".join(row.aliases) or formats.NOTHING
