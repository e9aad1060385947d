from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from crm_project.common.admin import (
    BigListAdmin,
    CrmAdmin,
    CrmTabularInline,
    HistoryAdmin,
    HistoryTab,
    ReasonAdmin,
)
from crm_project.common.admin.job_started import started
from crm_project.common.admin.theme import TextFilter, action, display
from crm_project.common.selectors.history import Source
from orders.admin.label_forms import DeriveForm
from orders.models import Product, ProductAlias
from orders.models.product import AROMA_AXES

HISTORY = [Source(apps.get_model("orders.ProductEvent"))]


class ChangesTab(HistoryTab):
    model = HISTORY[0].events
    sources = HISTORY


class FamilyFilter(TextFilter):
    title = "family"
    parameter_name = "family"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(family=self.value()) if self.value() else queryset


class AliasInline(CrmTabularInline[ProductAlias]):
    model = ProductAlias
    verbose_name_plural = "Other labels"
    fields = ["label"]


@admin.register(Product)
class ProductAdmin(HistoryAdmin[Product], ReasonAdmin[Product], BigListAdmin[Product]):
    list_display = ["key", "label", "shown_kind", "family", "price", "price_band", "popularity",
                    "stock", "is_active"]  # fmt: skip
    list_filter = [FamilyFilter, "kind", "is_active"]
    ordering = ["key"]
    indexed_columns = ("key", "family")
    short_search_field = "key"
    search_help_text = "Key or label"
    inlines = [AliasInline]
    history_sources = HISTORY
    actions_list = ["derive"]
    readonly_fields = ["derived", "popularity"]
    fieldsets = (
        (None, {"fields": ["key", "label", ("kind", "is_active"), ("category", "family"),
                           "derived"]}),
        ("Price and stock", {"fields": [("price", "unit_cost"), ("price_band", "premium_tier"),
                                        ("stock", "popularity")]}),
        (
            "Taste",
            {
                "fields": [
                    ("grape", "sugar_level"),
                    tuple(f"aroma_{axis}" for axis in AROMA_AXES[:4]),
                    tuple(f"aroma_{axis}" for axis in AROMA_AXES[4:]),
                    "season_tags",
                ],
                "classes": ["collapse"],
                "description": "Leave empty what is not known, or does not apply in this shop.",
            },
        ),
        ("More", {"fields": ["attributes"], "classes": ["collapse"]}),
    )  # fmt: skip

    def get_changeform_datasets(self, request: HttpRequest) -> list[type[Any]]:
        return [ChangesTab]

    def has_derive_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("orders.derive_product")

    @action(
        description="Fill by rule",
        permissions=["derive"],
        icon="auto_fix_high",
        dialog={
            "title": "Fill what the catalogue lacks",
            "description": "Only fields that are empty or were filled by a rule before; each is "
            "marked as derived. What a file or a person gave stays.",
            "form_class": DeriveForm,
            "form_submit_text": "Start",
        },
    )
    def derive(self, request: HttpRequest, form: DeriveForm) -> HttpResponse:
        return started(
            request,
            kind="derive_catalogue",
            params=form.asked(),
            words="The job is in the queue.",
            otherwise=reverse("admin:orders_product_changelist"),
        )

    @display(description="Kind", label={"product": "info", "charge": "warning"})
    def shown_kind(self, product: Product) -> str:
        return product.kind

    @admin.display(description="Filled by a rule")
    def derived(self, product: Product) -> str:
        """Say which fields the shop did not fill itself."""
        return ", ".join(product.derived_fields) or "nothing: all fields come from the shop"


@admin.register(ProductAlias)
class ProductAliasAdmin(CrmAdmin[ProductAlias]):
    list_display = ["label", "product"]
    list_select_related = ["product"]
    raw_id_fields = ["product"]
    search_fields = ["label__istartswith", "product__key__exact"]
    search_help_text = "Beginning of the label, or the product's key"
