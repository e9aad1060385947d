"""The groups that come with the CRM, and that nobody raises themselves."""

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from crm_project.common.models import ApiToken, User
from crm_project.common.services.groups import apply_ready_groups
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def names(group):
    return {
        f"{app}.{code}"
        for app, code in group.permissions.values_list("content_type__app_label", "codename")
    }


def test_they_hold_exactly_what_the_settings_say():
    for name, permissions in settings.CRM_READY_GROUPS.items():
        assert names(Group.objects.get(name=name)) == permissions, name


def test_every_permission_in_them_is_declared_by_a_model():
    assert apply_ready_groups(groups=settings.CRM_READY_GROUPS).missing == ()


def test_migrating_sets_them_again_and_leaves_others_and_members():
    viewer, own = Group.objects.get(name="Viewer"), Group.objects.create(name="Our own")
    everything = Permission.objects.get(codename="delete_customer")
    for group in (viewer, own):
        group.permissions.add(everything)
    member = UserFactory(staff=True)
    member.groups.add(viewer)

    call_command("migrate", verbosity=0)

    assert names(viewer) == settings.CRM_READY_GROUPS["Viewer"]
    assert names(own) == {"customers.delete_customer"}
    assert member.has_perm("customers.view_customer")
    assert not member.has_perm("customers.delete_customer")


def test_who_approves_does_not_export_and_the_other_way_round():
    groups = settings.CRM_READY_GROUPS
    assert "recommendations.add_recodecision" in groups["Approver"] - groups["Marketer"]
    assert "recommendations.add_recoexport" in groups["Marketer"] - groups["Approver"]
    assert "recommendations.change_recoconfig" in groups["Approver"] - groups["Marketer"]


def test_none_of_them_reaches_access_rights():
    """No group leads to more rights than it has: these pages are a superuser's."""
    people = ("common.add_user", "common.change_user", "common.view_user")
    closed = ("auth.", "otp_", "sessions.", *people)
    for name, permissions in settings.CRM_READY_GROUPS.items():
        reached = {one for one in permissions if one.startswith(closed) or "apitoken" in one}
        assert reached == set(), name


def test_the_operator_sees_nobody():
    personal = ("customer", "contactevent", "consent", "order", "signal", "rawevent", "refusedrow")
    seen = {
        one
        for one in settings.CRM_READY_GROUPS["Operator"]
        if one.startswith(
            tuple(
                f"{app}.view_{m}" for app in ("customers", "orders", "analytics") for m in personal
            )
        )
    }
    assert seen == set()


@pytest.mark.parametrize("path", ["customerprofile", "customerembedding", "savedsegment"])
def test_the_operator_sees_nobody_on_pages_whose_work_they_start(client, staff_user, path):
    """To have profiles computed is a right to change them; it shows none."""
    staff_user.groups.add(Group.objects.get(name="Operator"))
    client.force_login(staff_user)

    assert client.get(f"/admin/analytics/{path}/").status_code == 403


def test_the_pages_of_ready_groups_are_read_only(client, admin_user):
    client.force_login(admin_user)
    ready, own = Group.objects.get(name="Viewer"), Group.objects.create(name="Our own")

    assert client.post(f"/admin/auth/group/{ready.pk}/change/", {"name": "x"}).status_code == 403
    assert client.post(f"/admin/auth/group/{ready.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/auth/group/{own.pk}/change/", {"name": "x"}).status_code == 302


@pytest.mark.parametrize("field", ["is_superuser", "groups", "user_permissions"])
def test_somebody_who_may_change_users_does_not_raise_anybody(client, staff_user, field):
    staff_user.user_permissions.add(
        *Permission.objects.filter(codename__in=["change_user", "view_user"])
    )
    client.force_login(staff_user)
    page = f"/admin/common/user/{staff_user.pk}/change/"
    operator = Group.objects.get(name="Operator")
    values = {"is_superuser": "on", "groups": [operator.pk], "user_permissions": [1]}

    client.post(
        page,
        {
            "username": staff_user.username,
            "is_active": "on",
            "is_staff": "on",
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00",
            field: values[field],
        },
    )

    staff_user.refresh_from_db()
    assert not staff_user.is_superuser
    assert not staff_user.groups.exists()
    assert staff_user.user_permissions.count() == 2


@pytest.fixture
def manager(staff_user):
    """Somebody who manages people, groups and tokens by a group that does not come with the CRM."""
    group = Group.objects.create(name="Our own")
    codenames = [f"{verb}_{model}" for verb in ("add", "change", "delete", "view") for model in
                 ("user", "group", "apitoken")]  # fmt: skip
    group.permissions.add(*Permission.objects.filter(codename__in=[*codenames, "view_customer"]))
    staff_user.groups.add(group)
    return staff_user


def above(name):
    """Somebody who may do more than the manager: by their group, alone, or by being a superuser."""
    if name == "superuser":
        return UserFactory(admin=True)
    somebody = UserFactory(staff=True, is_active=name != "not active")
    if name == "one permission":
        somebody.user_permissions.add(Permission.objects.get(codename="change_customer"))
    else:
        somebody.groups.add(Group.objects.get(name="Marketer"))
    return somebody


NEW_PASSWORD = {"usable_password": "true"} | dict.fromkeys(
    ("password1", "password2"), "a long new phrase"
)


@pytest.mark.parametrize("name", ["superuser", "group", "one permission", "not active"])
def test_nobody_takes_the_account_of_somebody_who_may_do_more(client, manager, name):
    somebody = above(name)
    client.force_login(manager)
    page = f"/admin/common/user/{somebody.pk}/"

    assert client.post(f"{page}password/", NEW_PASSWORD).status_code == 403
    assert client.post(f"{page}change/", {"username": "x"}).status_code == 403
    assert client.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    client.post(
        "/admin/common/user/",
        {"action": "delete_selected", "_selected_action": [somebody.pk], "post": "yes"},
    )

    assert User.objects.get(pk=somebody.pk).password == somebody.password


def test_who_may_do_no_more_is_managed_by_others(client, manager):
    somebody = UserFactory(staff=True)
    somebody.user_permissions.add(Permission.objects.get(codename="view_customer"))
    client.force_login(manager)
    page = f"/admin/common/user/{somebody.pk}/"

    assert client.post(f"{page}password/", NEW_PASSWORD).status_code == 302
    assert User.objects.get(pk=somebody.pk).password != somebody.password
    assert client.post(f"{page}delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=somebody.pk).exists()


def test_groups_of_ones_own_are_a_superusers_too(client, manager):
    mine = manager.groups.get()
    client.force_login(manager)
    page = f"/admin/auth/group/{mine.pk}/"
    more = {"name": "x", "permissions": [Permission.objects.get(codename="delete_customer").pk]}

    assert client.get(f"{page}change/").status_code == 200
    assert client.post(f"{page}change/", more).status_code == 403
    assert client.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    assert client.post("/admin/auth/group/add/", more).status_code == 403
    assert names(mine) == names(Group.objects.get(name="Our own"))
    assert not manager.has_perm("customers.delete_customer")


def test_nobody_but_a_superuser_issues_a_token_not_even_to_themselves(client, manager):
    client.force_login(manager)
    asked = {"name": "x", "user": manager.pk, "scopes": ["customers:write"], "rate": ""}

    refused = client.post("/admin/common/apitoken/add/", asked)

    assert refused.status_code == 403
    assert not ApiToken.objects.exists()


def test_keys_of_second_factors_have_no_page(client, admin_user):
    client.force_login(admin_user)
    for path in ("otp_totp/totpdevice/", "otp_static/staticdevice/"):
        assert client.get(f"/admin/{path}").status_code == 404
