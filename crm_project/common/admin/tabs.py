"""Tabs that are drawn by templates of their own, and drawn when somebody looks at them."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string

from crm_project.common.admin.bases import CrmAdmin, M
from crm_project.common.admin.theme import BaseDataset

ONE, ALL = "tab", "tabs"
"""In the address of a page: ``?tab=signal`` is that tab alone, ``?tabs=all`` the page with all."""
_LATER = "crm.tabs_later"


class TemplateTab(BaseDataset):
    """A tab of a page that is drawn by a template of its own."""

    tab = True
    template_name = ""
    # The tab's name in the address; the theme reads it from a model.
    model: Any

    def __init__(self, request: HttpRequest, extra_context: dict[str, Any] | None) -> None:
        self.request = request
        self.object_id = (extra_context or {}).get("object")

    def context(self) -> dict[str, Any]:
        """Return what the template needs; called once per page."""
        return {}

    @property
    def contents(self) -> str:
        """Return the tab, or the place where it will be."""
        if self.request.META.get(_LATER):
            context = {"tab": self, "one": self._asked(ONE), "all": self._asked(ALL)}
            return render_to_string("crm/tab_later.html", context)
        return self.drawn()

    def _asked(self, how: str) -> str:
        """Return the query for this tab or all: what was asked of the page holds for them, too."""
        query = self.request.GET.copy()
        query[how] = self.model._meta.model_name if how == ONE else "all"
        return str(query.urlencode())

    def drawn(self) -> str:
        context = {"tab": self, **(self.context() if self.object_id else {})}
        return render_to_string(self.template_name, context, request=self.request)


class LaterTabsAdmin(CrmAdmin[M]):
    """A page whose tabs come when they are opened: most of what nine of them tell is not read."""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if ONE in request.GET and request.method == "GET":
            return self._one_tab(request, object_id, request.GET[ONE])
        request.META[_LATER] = ALL not in request.GET
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    def _one_tab(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        for dataset in self.get_changeform_datasets(request):
            if issubclass(dataset, TemplateTab) and dataset.model._meta.model_name == name:
                return HttpResponse(dataset(request, {"object": object_id}).drawn())
        raise Http404
