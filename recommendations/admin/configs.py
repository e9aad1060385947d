"""Settings of the recommendations: their values, what differs, which are active."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin, done, person
from crm_project.common.admin.theme import BaseDialogForm, action, display
from crm_project.common.exceptions import CrmError
from recommendations.admin.config_diff import diff_view, grouped, rows_of
from recommendations.models import RecoConfig
from recommendations.scoring.settings import RecoSettings
from recommendations.selectors.configs import differences
from recommendations.services.configs import activate_config, create_config, retire_config

LONGEST = 64 * 1024
LIST = "admin:recommendations_recoconfig_changelist"
EXAMPLE = '{"max_recos": 2, "weights": {"family": 1.5}}'


class NewConfigForm(BaseDialogForm):
    """Settings that differ in some values from others."""

    name = forms.CharField(label="Name", max_length=120, widget=UnfoldAdminTextInputWidget)
    parent = forms.ModelChoiceField(
        label="Start from",
        queryset=RecoConfig.objects.order_by("-pk"),
        required=False,
        empty_label="The defaults",
        widget=UnfoldAdminSelectWidget,
    )
    values = forms.CharField(
        label="What differs",
        max_length=LONGEST,
        initial=EXAMPLE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="Only the values that differ, as JSON; the names are those of the values below "
        "any settings. What makes no sense is refused in words.",
    )
    comment = forms.CharField(
        label="Why",
        max_length=2_000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )

    def clean_values(self) -> dict[str, Any]:
        try:
            found = json.loads(self.cleaned_data["values"])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is not JSON: {error}.") from error
        if not isinstance(found, dict):
            raise forms.ValidationError(f"Write named values in braces, like {EXAMPLE}.")
        return found

    def clean(self) -> dict[str, Any]:
        """Store them here, so that what is refused is said beside the field."""
        asked: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return asked
        try:
            self.made = create_config(
                name=asked["name"],
                values=asked["values"],
                comment=asked["comment"],
                parent=asked["parent"],
                user=person(self.request),
            )
        except CrmError as error:
            self.add_error("values", str(error))
        return asked


@admin.register(RecoConfig)
class RecoConfigAdmin(ReadOnlyAdminMixin, CrmAdmin[RecoConfig]):
    list_display = ["name", "state", "short_hash", "based_on", "created_by", "created_at",
                    "activated_by", "activated_at"]  # fmt: skip
    list_select_related = ["created_by", "activated_by", "parent"]
    list_filter = ["status"]
    ordering = ["-id"]
    sortable_by = ["created_at"]
    actions_list = ["write_new"]
    actions_detail = ["activate", "retire"]
    list_before_template = "crm/reco_config_list_before.html"
    change_form_outer_before_template = "crm/reco_config.html"
    fields = ["name", "state", "whole_hash", "comment", "based_on", "created_by", "created_at",
              "activated_by", "activated_at"]  # fmt: skip
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        page = path(
            "compare/", self.admin_site.admin_view(diff_view), name="recommendations_config_diff"
        )
        return [page, *super().get_urls()]

    def has_write_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("recommendations.add_recoconfig")

    def has_activate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return _may_change(request, object_id, RecoConfig.objects.exclude(status="active"))

    def has_retire_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        rows = RecoConfig.objects.filter(status__in=["draft", "proposed"])
        return _may_change(request, object_id, rows)

    @action(
        description="Write new settings",
        permissions=["write"],
        icon="add",
        dialog={
            "title": "Write new settings",
            "description": "Settings never change: other values are other settings, under a hash "
            "of their own. They are a draft until somebody activates them.",
            "form_class": NewConfigForm,
            "form_submit_text": "Write as a draft",
        },
    )
    def write_new(self, request: HttpRequest, form: NewConfigForm) -> HttpResponse:
        messages.success(request, f"“{form.made.name}” was written as a draft.")
        return done(request, _page(form.made.pk))

    @action(
        description="Activate",
        permissions=["activate"],
        icon="check_circle",
        dialog={
            "title": "Let runs use these settings?",
            "description": "The next run uses them. Those active until now are retired, and can "
            "be activated again. Runs already made stay as they are.",
            "form_class": None,
            "form_submit_text": "Activate",
        },
    )
    def activate(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return _do(request, object_id, lambda config: activate_config(
            config=config, user=person(request)), "Runs use “{}” from now on.")  # fmt: skip

    @action(
        description="Retire",
        permissions=["retire"],
        icon="archive",
        dialog={
            "title": "Take these settings off the list?",
            "description": "They stay readable and can still be activated.",
            "form_class": None,
            "form_submit_text": "Retire",
        },
    )
    def retire(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return _do(request, object_id, lambda config: retire_config(config=config),
                   "“{}” is retired.")  # fmt: skip

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        config = context.get("original")
        if config:
            defaults = RecoSettings().to_json()
            active = RecoConfig.objects.active().exclude(pk=config.pk).first()
            context["groups"] = grouped(rows_of(differences({}, config.values)))
            context["changed"] = {row.key for row in differences(defaults, config.values)}
            context["from_active"] = (
                rows_of(differences(active.values, config.values)) if active else None
            )
            context["active"] = active
            context["evidence"] = json.dumps(config.evidence, indent=2) if config.evidence else ""
            context["runs"] = config.runs.order_by("-pk")[:10]
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @display(
        description="Status",
        label={"active": "success", "proposed": "warning", "draft": "info"},
    )
    def state(self, config: RecoConfig) -> str:
        return config.status

    @admin.display(description="Hash")
    def whole_hash(self, config: RecoConfig) -> SafeString:
        return format_html('<span class="crm-anywhere">{}</span>', config.hash)

    @admin.display(description="Hash")
    def short_hash(self, config: RecoConfig) -> str:
        return config.hash[:8]

    @admin.display(description="Made from")
    def based_on(self, config: RecoConfig) -> str:
        parent = config.parent
        return f"{parent.name} ({parent.hash[:8]})" if parent else formats.NOTHING


def _may_change(request: HttpRequest, object_id: Any, rows: Any) -> bool:
    if not request.user.has_perm("recommendations.change_recoconfig"):
        return False
    return object_id is None or (str(object_id).isdecimal() and rows.filter(pk=object_id).exists())


def _page(key: int | str) -> str:
    return reverse("admin:recommendations_recoconfig_change", args=[key])


def _do(request: HttpRequest, object_id: str, work: Any, words: str) -> HttpResponse:
    config = RecoConfig.objects.get(pk=object_id)
    try:
        work(config)
    except CrmError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, words.format(config.name))
    return done(request, _page(config.pk))
