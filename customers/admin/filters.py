"""Filters of the customer list that stay cheap with a million customers."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from crm_project.common.admin.theme import DropdownFilter, RadioFilter
from customers.selectors.countries import countries


class CountryFilter(DropdownFilter):
    """The choices come from the index, not from a scan of all customers."""

    title = "country"
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [(country, country) for country in countries()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(country=self.value()) if self.value() else queryset


class ContactableFilter(RadioFilter):
    """Whether any flag forbids to write to the customer."""

    title = "flags"
    parameter_name = "contactable"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("1", "None forbids contact"), ("0", "One forbids contact")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(contactable=self.value() == "1") if self.value() else queryset
