"""Keep the groups that come with the CRM as this version describes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat


@dataclass(frozen=True, slots=True)
class GroupsApplied:
    """Of each group that was not as described: how many permissions came and went.

    ``missing`` are permissions that no model declares (yet): half-way through migrations.
    """

    changed: dict[str, tuple[int, int]]
    missing: tuple[str, ...]


@transaction.atomic
def apply_ready_groups(*, groups: Mapping[str, Iterable[str]]) -> GroupsApplied:
    """Make each group hold exactly its permissions; members and other groups stay."""
    wanted = {name: set(permissions) for name, permissions in groups.items()}
    every = set().union(*wanted.values())
    known = _permissions(every)
    changed = {}
    for name, permissions in wanted.items():
        group, _ = Group.objects.get_or_create(name=name)
        before = set(group.permissions.values_list("pk", flat=True))
        after = {known[permission] for permission in permissions & known.keys()}
        if before != after:
            group.permissions.set(after)
            changed[name] = (len(after - before), len(before - after))
    return GroupsApplied(changed=changed, missing=tuple(sorted(every - known.keys())))


def _permissions(names: set[str]) -> dict[str, int]:
    """Return the keys of permissions by ``app.codename``."""
    full = Concat("content_type__app_label", Value("."), "codename")
    found = Permission.objects.annotate(full=full).filter(full__in=names)
    return dict(found.values_list("full", "pk"))
