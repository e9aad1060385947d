"""The customers behind a group, or behind a movement between groups. Shown only when linked to."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from analytics.models import Segmentation, SegmentationCluster
from analytics.selectors.segmentations import customers_in_cluster, moved_customers
from crm_project.common.admin.theme import RadioFilter
from crm_project.common.registry import customer_page

PERMISSION = "analytics.view_segmentation"
NOBODY = "none"
"""Stands for "in no group" in an address."""

_LONGEST_KEY = 9
"""Digits: more is no key of ours, and no number of the database's."""


def cluster_link(segmentation: Segmentation, number: int) -> str:
    """Return the address of the list of a group's customers."""
    return _customers(group=f"{segmentation.pk}.{number}")


def moved_link(older: Segmentation, newer: Segmentation, was: int | None, now: int | None) -> str:
    """Return the address of the customers who went from one group to another; None is no group."""
    ends = (NOBODY if number is None else str(number) for number in (was, now))
    return _customers(group_moved=".".join([str(older.pk), str(newer.pk), *ends]))


def _customers(**asked: str) -> str:
    return f"{reverse('admin:customers_customer_changelist')}?{urlencode(asked)}"


class _GroupFilter(RadioFilter):
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        value = request.GET.get(str(self.parameter_name), "")
        return [(value, self.words(value))] if value else []

    def words(self, value: str) -> str:
        raise NotImplementedError


class ClusterFilter(_GroupFilter):
    """Customers of one group; the value is ``segmentation.number``."""

    title = "group"
    parameter_name = "group"

    def words(self, value: str) -> str:
        found = _cluster(value)
        return f"{found.name}, {found.segmentation}" if found else "unknown"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        found = _cluster(self.value() or "")
        if found is None or found.segmentation.members_dropped_at:
            return queryset.none()
        members = customers_in_cluster(segmentation=found.segmentation, number=found.number)
        return queryset.filter(pk__in=members.values("pk"))


class ClusterMovementFilter(_GroupFilter):
    """Customers who went from a group to another; the value is ``older.newer.from.to``."""

    title = "movement between groups"
    parameter_name = "group_moved"

    def words(self, value: str) -> str:
        asked = _pair(value)
        if asked is None:
            return "unknown"
        older, newer, was, now = asked
        names = [_name(older, was), _name(newer, now)]
        return f"{' → '.join(names)}, {older.as_of} to {newer.as_of}"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        asked = _pair(self.value() or "")
        if asked is None:
            return queryset.none()
        older, newer, was, now = asked
        found = moved_customers(older=older, newer=newer, from_number=was, to_number=now)
        return queryset.filter(pk__in=found.values("pk"))


def _cluster(value: str) -> SegmentationCluster | None:
    keys = _keys(value, 2)
    if keys is None or keys[0] is None or keys[1] is None:
        return None
    found = SegmentationCluster.objects.filter(segmentation=keys[0], number=keys[1])
    return found.select_related("segmentation").first()


def _keys(value: str, length: int) -> list[int | None] | None:
    """Take a value apart into numbers; None for anything else."""
    parts = value.split(".")
    good = all(part == NOBODY or (part.isdecimal() and len(part) <= _LONGEST_KEY) for part in parts)
    if len(parts) != length or not good:
        return None
    return [None if part == NOBODY else int(part) for part in parts]


def _pair(value: str) -> tuple[Segmentation, Segmentation, int | None, int | None] | None:
    keys = _keys(value, 4)
    if keys is None or keys[0] is None or keys[1] is None:
        return None
    found = Segmentation.objects.kept().in_bulk([keys[0], keys[1]])
    older, newer = found.get(keys[0]), found.get(keys[1])
    if older is None or newer is None or older.kind != newer.kind:
        return None
    return older, newer, keys[2], keys[3]


def _name(segmentation: Segmentation, number: int | None) -> str:
    if number is None:
        return "no group"
    found = SegmentationCluster.objects.filter(segmentation=segmentation, number=number).first()
    return found.name if found else str(number)


customer_page.add_filter(ClusterFilter, position=6, permission=PERMISSION)
customer_page.add_filter(ClusterMovementFilter, position=7, permission=PERMISSION)
