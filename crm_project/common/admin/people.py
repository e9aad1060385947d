"""Who may work here: users, groups, and sign-ins that failed."""

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from crm_project.common import formats
from crm_project.common.admin.bases import CrmAdmin, ReadOnlyAdminMixin, person
from crm_project.common.admin.theme import ThemedGroupAdmin, ThemedUserAdmin
from crm_project.common.models import User
from crm_project.common.selectors.rights import has_more_rights

admin.site.unregister(Group)
# Pages of devices would show the keys of second factors; nobody has to see these.
for _model in (AccessAttempt, AccessLog, AccessFailureLog, StaticDevice, TOTPDevice):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(ThemedUserAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "full_name", "email", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups"]
    list_filter_submit = True

    @admin.display(description="Name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or formats.NOTHING

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Only a superuser hands out the rights of a superuser, or permissions one by one."""
        fixed = [str(name) for name in super().get_readonly_fields(request, obj)]
        if not request.user.is_superuser:
            fixed += ["is_superuser", "user_permissions", "groups"]
        return fixed

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody sets the password of somebody who may do more: it would be theirs as well."""
        return not _above(request, obj) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _above(request, obj) and bool(super().has_delete_permission(request, obj))


@admin.register(Group)
class GroupAdmin(ThemedGroupAdmin):
    """What groups may do is a superuser's: whoever changed their own would raise themselves.

    Those that come with the CRM are looked at only: the next migrate would set them again.
    """

    list_display = ["name", "comes_with_the_crm"]

    @admin.display(description="Comes with the CRM", boolean=True)
    def comes_with_the_crm(self, group: Group) -> bool:
        return group.name in settings.CRM_READY_GROUPS

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _ready(obj) and bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _ready(obj) and bool(request.user.is_superuser)


def _above(request: HttpRequest, user: User | None) -> bool:
    asking = person(request)
    return user is not None and (asking is None or has_more_rights(user, than=asking))


def _ready(group: Group | None) -> bool:
    return group is not None and group.name in settings.CRM_READY_GROUPS


class _SignInAdmin(ReadOnlyAdminMixin, CrmAdmin[Any]):
    list_display = ["attempt_time", "username", "ip_address", "user_agent"]
    search_fields = ["username", "ip_address"]
    ordering = ["-attempt_time"]
    readonly_fields = ["attempt_time", "username", "ip_address", "user_agent", "path_info"]
    fields = readonly_fields


@admin.register(AccessAttempt)
class AccessAttemptAdmin(_SignInAdmin):
    """Failed sign-ins that count towards the lock. Deleting a row lifts the lock."""

    list_display = [*_SignInAdmin.list_display, "failures_since_start"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("axes.delete_accessattempt")


@admin.register(AccessLog)
class AccessLogAdmin(_SignInAdmin):
    """Successful sign-ins."""
