"""The page between the password and the admin: show the second factor, or set one up."""

from typing import Any
from urllib.parse import urlsplit

import segno
from django import forms
from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login
from unfold.widgets import UnfoldAdminTextInputWidget

from crm_project.common.admin.bases import person
from crm_project.common.models import User
from crm_project.common.services import second_factor

WRONG = "This code is not right, or it comes too soon after another try. Wait for the next one."

BEGUN = "second_factor_begun"
"""In a session: the device whose key it was shown."""


class CodeForm(forms.Form):
    """One code: six digits of the app, or a recovery code."""

    code = forms.CharField(
        max_length=32,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
        ),
    )


@never_cache
@sensitive_post_parameters()
@csrf_protect
def second_factor_view(request: HttpRequest) -> HttpResponse:
    """Ask for a code; whoever has no second factor yet sets one up first."""
    user = person(request)
    if user is None or not (user.is_active and user.is_staff):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    if user.is_verified():  # type: ignore[attr-defined] # the middleware adds it
        return HttpResponseRedirect(_next(request))
    form = CodeForm(request.POST if request.method == "POST" else None)
    if second_factor.has_second_factor(user):
        return _ask(request, user, form)
    return _set_up(request, user, form)


def _ask(request: HttpRequest, user: User, form: CodeForm) -> HttpResponse:
    if form.is_valid():
        device = second_factor.check_code(user=user, code=form.cleaned_data["code"])
        if device is not None:
            _remember(request, device)
            return HttpResponseRedirect(_next(request))
        form.add_error("code", WRONG)
    return _page(request, "crm/second_factor.html", form=form)


def _set_up(request: HttpRequest, user: User, form: CodeForm) -> HttpResponse:
    begun = request.session.get(BEGUN)
    if form.is_valid():
        code = form.cleaned_data["code"]
        done = second_factor.finish_set_up(user=user, begun=begun, code=code)
        if done is not None:
            del request.session[BEGUN]
            _remember(request, done.device)
            return _page(request, "crm/second_factor_codes.html", codes=done.recovery_codes)
        form.add_error("code", WRONG)
    device = second_factor.begin_set_up(user=user, begun=begun)
    request.session[BEGUN] = device.pk
    return _page(
        request,
        "crm/second_factor_setup.html",
        form=form,
        picture=_picture(device.config_url),
        key=_key(device.config_url),
    )


def _remember(request: HttpRequest, device: Any) -> None:
    """Raise the session; its key changes, so that one known from before is worth nothing."""
    login(request, device)
    request.session.cycle_key()


def _page(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    shown = {
        **admin.site.each_context(request),
        "title": "Second factor",
        "next": _next(request),
        "field_name": REDIRECT_FIELD_NAME,
        **context,
    }
    return TemplateResponse(request, template, shown)


def _next(request: HttpRequest) -> str:
    """Return where somebody wanted to go: a page of this site, else the first page."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    here = reverse("second_factor")
    return wanted if safe and urlsplit(wanted).path != here else reverse("admin:index")


def _picture(address: str) -> SafeString:
    """Return the QR code as SVG: our own shapes, nothing that somebody typed."""
    made = segno.make(address, micro=False).svg_inline(scale=5, light="#fff", title="QR code")
    return mark_safe(made)  # noqa: S308 - made by segno from an address that it encodes


def _key(address: str) -> str:
    """Return the key as people type it, in groups of four."""
    secret = address.partition("secret=")[2].partition("&")[0]
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
