"""What tests of the admin of signals share."""

from uuid import UUID

from django.contrib.auth.models import Permission

HOSTILE = "<script>alert(1)</script>"
SUBMITTED = {"_form_submitted": "True"}
"""A dialog that was sent, and not only opened."""


def rows(response):
    """The rows of a list."""
    return list(response.context["cl"].result_list)


def key_of(one):
    return UUID(bytes=one.id)


def allow(user, *codenames):
    found = Permission.objects.filter(codename__in=codenames)
    assert found.count() == len(codenames)
    user.user_permissions.add(*found)
