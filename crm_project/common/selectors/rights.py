"""Who has more rights than somebody else, and so is out of their reach."""

from django.contrib.auth.models import Permission
from django.db.models import Q

from crm_project.common.models import User


def rights_of(user: User) -> set[str]:
    """Return the permissions that somebody has, or would have if their account were active."""
    found = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    return {
        f"{app}.{code}" for app, code in found.values_list("content_type__app_label", "codename")
    }


def has_more_rights(user: User, *, than: User) -> bool:
    """Say whether somebody who becomes ``user`` (by a new password) could do more than ``than``."""
    if than.is_superuser:
        return False
    return user.is_superuser or not rights_of(user) <= than.get_all_permissions()
