"""Who works: members of staff with passwords, systems with tokens, as the site would have them."""

import json
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db.models import Min
from django_otp.plugins.otp_totp.models import TOTPDevice

from benchmarks.users.plan import Plan
from crm_project.common.models import ApiToken, User
from crm_project.common.services.tokens import issue_token
from customers.models import Campaign, Customer
from orders.models import Order
from recommendations.selectors.recommendations import current_run

GROUPS = ("Viewer", "Steward", "Marketer")
SCOPES = (
    "customers:read", "orders:read", "products:read", "contacts:read", "contacts:write",
    "contactability:read", "rfm:read", "profiles:read", "signals:read", "signals:write",
    "recommendations:read",
)  # fmt: skip


def invite(plan: Plan, letter: Path) -> None:
    """Make the accounts and write what each needs to come in, readable for us alone.

    All members of staff have one password, made anew each time; earlier tokens are gone.
    """
    password = secrets.token_urlsafe(20)
    told = {
        "plan": {"staff_think": plan.staff_think, "api_think": plan.api_think},
        "password": password,
        "staff": _staff(plan.staff, password),
        "tokens": _tokens(plan.systems),
        "data": {**plan.data, **_first_keys()},
    }
    letter.touch(mode=0o600)
    letter.write_text(json.dumps(told))


def _staff(count: int, password: str) -> list[dict[str, str]]:
    # One slow hash for all: it is the logging in that is measured.
    hashed = make_password(password)
    groups = [Group.objects.get(name=name) for name in GROUPS]
    found = []
    for number in range(count):
        group = groups[number % len(groups)]
        user, _ = User.objects.update_or_create(
            username=f"load-staff-{number:04}", defaults={"is_staff": True, "password": hashed}
        )
        user.groups.set([group])
        found.append({"name": user.username, "group": group.name, "key": _second_factor(user)})
    return found


def _second_factor(user: User) -> str:
    """Give somebody an authenticator app; returns its key, in hexadecimal."""
    TOTPDevice.objects.filter(user=user).delete()
    key: str = TOTPDevice.objects.create(user=user, name="load", confirmed=True).key
    return key


def _tokens(count: int) -> list[str]:
    user, _ = User.objects.get_or_create(username="load-systems")
    ApiToken.objects.filter(user=user).delete()
    return [
        issue_token(user=user, name=f"load {number}", scopes=SCOPES)[1] for number in range(count)
    ]


def _first_keys() -> dict[str, Any]:
    """Return the smallest key of each table whose pages are opened; the others follow it."""
    models = {"customer": Customer, "order": Order, "campaign": Campaign}
    first = {
        f"first_{name}": model._default_manager.aggregate(least=Min("pk"))["least"]
        for name, model in models.items()
    }
    run = current_run()
    return {**first, "run": run.pk if run else None}
