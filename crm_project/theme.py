"""The admin's site: the theme's, without a list of all models that no page shows."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import sites
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.apps import BasicAppConfig
from unfold.sites import UnfoldAdminSite


class CrmAdminSite(UnfoldAdminSite):
    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Return the apps and their models, looked up when somebody reads it: our sidebar does not.

        It asks for four permissions of each of the models, on every page.
        """
        listed = super().get_app_list
        return SimpleLazyObject(lambda: listed(request, app_label))


class ThemeConfig(BasicAppConfig):
    """The theme, with our site in the place of Django's."""

    def ready(self) -> None:
        admin.site = sites.site = CrmAdminSite()
