"""API tokens: issued once, shown once, revoked with one click."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from crm_project.common.admin.bases import CrmAdmin, done
from crm_project.common.admin.theme import DropdownFilter, action, display
from crm_project.common.exceptions import CrmError
from crm_project.common.models import ApiToken
from crm_project.common.scopes import SCOPES
from crm_project.common.services import tokens


class TokenForm(forms.ModelForm[ApiToken]):
    """Asks for what a token may do, each right with its sentence."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {words}") for scope, words in SCOPES.items()],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What is not ticked is refused; nothing ticked grants nothing.",
    )

    class Meta:
        model = ApiToken
        fields = ["name", "user", "scopes", "rate", "expires_at"]

    def clean(self) -> dict[str, Any]:
        """Let the service say what is wrong before anything is issued."""
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        try:
            tokens.check(**{name: data[name] for name in self.Meta.fields})
        except CrmError as error:
            raise forms.ValidationError(str(error)) from error
        return data


PRESETS = {
    "signals": ("Send signals", ["signals:write"]),
    "signals-and-people": (
        "Send signals, and tell who customers are",
        ["signals:write", "customers:write"],
    ),
    "reports": (
        "Read reports",
        ["customers:read", "orders:read", "products:read", "rfm:read", "signals:read"],
    ),
}
"""What a token is usually for: words, and the scopes that are ticked beforehand."""


class ScopeFilter(DropdownFilter):
    title = "scope"
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [(scope, scope) for scope in SCOPES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        scope = self.value()
        return queryset.filter(scopes__contains=[scope]) if scope else queryset


@admin.register(ApiToken)
class ApiTokenAdmin(CrmAdmin[ApiToken]):
    list_display = ["name", "shown_prefix", "state", "user", "expires_at", "last_used_at"]
    list_select_related = ["user"]
    list_filter = [ScopeFilter, "user"]
    search_fields = ["name", "prefix"]
    search_help_text = "Name or prefix"
    form = TokenForm
    fields = ["name", "user", "scopes", "rate", "expires_at"]
    actions_detail = ["revoke"]
    change_form_outer_before_template = "crm/token_before.html"

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Tick what the chosen use needs; whoever issues the token may change it."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        preset = PRESETS.get(initial.pop("preset", ""))
        return {**initial, "scopes": preset[1]} if preset else initial

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["presets"] = None if context.get("original") else PRESETS
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def get_queryset(self, request: HttpRequest) -> Any:
        """Staff see their own tokens; only a superuser sees everybody's."""
        found = super().get_queryset(request)
        return found if request.user.is_superuser else found.filter(user=request.user.pk)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What a token may do is fixed when it is issued: issue another, revoke this one."""
        if obj is None:
            return []
        return [*self.fields, "shown_prefix", "state", "created_at", "last_used_at", "revoked_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_readonly_fields(request, obj) or [*self.fields]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer who is active, and begin with whoever asks."""
        if db_field.name == "user":
            users = db_field.remote_field.model._default_manager
            kwargs["queryset"] = users.filter(is_active=True)
            kwargs["initial"] = request.user.pk
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Scopes are no permissions: a token may do more than whoever it belongs to."""
        return bool(request.user.is_superuser)

    def save_model(
        self, request: HttpRequest, obj: ApiToken, form: forms.ModelForm[Any], change: bool
    ) -> None:
        """Issue the token through the service, so that the form's row is the service's row."""
        if change:
            raise PermissionDenied("A token is never changed, only revoked.")
        issued, secret = tokens.issue_token(
            user=obj.user,
            name=obj.name,
            scopes=obj.scopes,
            expires_at=obj.expires_at,
            rate=obj.rate,
        )
        obj.pk = issued.pk
        obj.prefix = issued.prefix
        request.META["crm.issued_token"] = secret

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret, the only time it can be seen. The page is not stored anywhere."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Copy the token now",
            "opts": self.opts,
            "token": obj,
            "secret": request.META.pop("crm.issued_token"),
            "sends_signals": "signals:write" in obj.scopes,
            "here": request.build_absolute_uri("/").rstrip("/"),
        }
        response = TemplateResponse(request, "crm/token_issued.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A token stays as a record of who had access; it is revoked."""
        return False

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("common.change_apitoken")

    @action(
        description="Revoke",
        permissions=["revoke"],
        icon="block",
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Revoke this token?",
            "description": "Whatever uses it is refused from now on. This cannot be undone.",
            "form_class": None,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        token = get_object_or_404(self.get_queryset(request), pk=object_id)
        tokens.revoke_token(token_id=token.pk)
        if token.revoked_at is None:
            self.log_change(request, token, "Revoked.")
        messages.success(request, f"The token “{token.name}” is revoked.")
        return done(request, reverse("admin:common_apitoken_changelist"))

    @admin.display(description="Token")
    def shown_prefix(self, token: ApiToken) -> str:
        return f"crm_{token.prefix}_…"

    @display(
        description="State",
        label={"usable": "success", "revoked": "danger", "expired": "warning"},
    )
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return "revoked"
        if token.expires_at and token.expires_at <= timezone.now():
            return "expired"
        return "usable"
