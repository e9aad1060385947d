"""The theme's classes as our type checks see them.

django-unfold is typed only in part, in ways that contradict Django's types. The exception for that
stands here, once, so that our own admin classes stay checked.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db.models import Model

if TYPE_CHECKING:
    from django.contrib import admin
    from django.forms import Form
    from django.http import HttpRequest

    M = TypeVar("M", bound=Model)
    F = TypeVar("F", bound=Callable[..., Any])

    _Untyped: Any = object

    # A class below "anything": what we add is checked, what the theme does is taken on trust.
    class ModelAdmin(_Untyped, Generic[M]):  # type: ignore[misc]
        pass

    class TabularInline(_Untyped, Generic[M]):  # type: ignore[misc]
        pass

    class ThemedUserAdmin(ModelAdmin[Any]):
        pass

    class ThemedGroupAdmin(ModelAdmin[Any]):
        pass

    class BaseDataset:
        tab: bool
        title: str
        model: Any
        model_admin: Any
        request: HttpRequest

        def __init__(self, request: HttpRequest, extra_context: dict[str, Any] | None) -> None: ...

        @property
        def contents(self) -> str: ...

    class BaseDialogForm(Form):
        request: HttpRequest

    def action(**options: Any) -> Callable[[F], F]: ...

    def display(**options: Any) -> Callable[[F], F]: ...

    class RadioFilter(admin.SimpleListFilter):
        pass

    class DropdownFilter(admin.SimpleListFilter):
        pass

    class TextFilter(admin.SimpleListFilter):
        pass

else:
    from django.contrib.auth.admin import GroupAdmin, UserAdmin
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.contrib.filters.admin import DropdownFilter, RadioFilter, TextFilter
    from unfold.datasets import BaseDataset
    from unfold.decorators import action, display
    from unfold.forms import BaseDialogForm

    class ThemedUserAdmin(UserAdmin, ModelAdmin):
        pass

    class ThemedGroupAdmin(GroupAdmin, ModelAdmin):
        pass


__all__ = [
    "BaseDataset",
    "BaseDialogForm",
    "DropdownFilter",
    "ModelAdmin",
    "RadioFilter",
    "TabularInline",
    "TextFilter",
    "ThemedGroupAdmin",
    "ThemedUserAdmin",
    "action",
    "display",
]
