"""Who may open what: every address of the site and every action, for everybody, as committed.

``matrix/*.txt`` is what people read and review. A cell is what a GET and what a POST (PUT, PATCH,
DELETE) meets: ``x`` let in, ``-`` refused, ``l`` sent to the sign-in, ``0`` not found, ``.`` no
such method. After a wanted change: ``CRM_WRITE_MATRIX=1 pytest tests/security/test_matrix.py``,
and read the difference before committing it.
"""

import os
from pathlib import Path

import pytest
from django.contrib import admin
from django.db import transaction
from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import Client, RequestFactory
from django.urls import resolve
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from crm_project import urls
from crm_project.common.models import ApiToken, Job, User
from crm_project.common.scopes import SCOPES
from tests.api import UNLIMITED, Api
from tests.security import world
from tests.security.addresses import admin_addresses, api_addresses

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(600)]

MATRIX = Path(__file__).parent / "matrix"
WIDTH = 9
SIGN_IN = "/admin/login/"
# Shut for the superuser too, and why.
SHUT = {"/admin/autocomplete/": "without a field to ask for; with each: names.txt"}
BODY = {"data": "{}", "content_type": "application/json"}


def met(response):
    leads_to = response.headers.get("Location", "")
    if leads_to.startswith(SIGN_IN):
        return "l"
    if leads_to == "/admin/":  # what the admin does where it finds no row
        return "0"
    assert response.status_code != 429
    return {403: "-", 401: "-", 404: "0", 405: "."}.get(response.status_code, "x")


def ask(client, method, address, **options):
    """Return what somebody meets; what their request did is taken back."""
    with transaction.atomic():
        try:
            response = getattr(client, method)(address, **options)
        finally:
            transaction.set_rollback(True)
    return met(response)


def table(columns, rows):
    """Return the table as text: a line for each address, a column for each who."""
    longest = max(len(name) for name in rows)
    lines = [" " * longest + " " + " ".join(f"{name:>{WIDTH}}" for name in columns)]
    lines += [
        f"{name:<{longest}} " + " ".join(f"{cell:>{WIDTH}}" for cell in cells)
        for name, cells in sorted(rows.items())
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def compare(name, text):
    file = MATRIX / name
    if os.environ.get("CRM_WRITE_MATRIX"):
        file.write_text(text, encoding="utf-8")
    expected = file.read_text(encoding="utf-8").splitlines()
    found = text.splitlines()
    missing = [f"- {line}" for line in expected if line not in set(found)]
    more = [f"+ {line}" for line in found if line not in set(expected)]
    assert not missing + more, "\n".join(["Who may open what has changed:", *missing, *more])


@pytest.fixture(autouse=True)
def brief_refusals(monkeypatch):
    """Thousands of refusals, each of them a whole page, would take half a minute."""
    monkeypatch.setattr(urls, "handler403", lambda request, exception: HttpResponse(status=403))


@pytest.fixture
def filled(db, settings):
    settings.CRM_SECOND_FACTOR = False
    world.fill()
    return world.people()


@pytest.fixture
def nothing_drawn(monkeypatch):
    """Spare the drawing of pages, which takes most of the time and decides nothing."""
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")


def signed_in(user):
    client = Client(raise_request_exception=False)
    if user.is_authenticated:
        client.force_login(user)
    return client


def test_every_page_of_the_admin_for_everybody(filled, nothing_drawn):
    addresses = dict(admin_addresses())
    clients = {name: signed_in(user) for name, user in filled.items()}
    rows = {
        shown: [
            ask(client, "get", address) + ask(client, "post", address)
            for client in clients.values()
        ]
        for shown, address in addresses.items()
    }

    assert len(rows) > 290
    assert sum(shown.endswith("/history/") for shown in rows) > 40
    shut = {
        shown
        for shown, cells in rows.items()
        if "x" not in cells[-1] and not shown.endswith(("/add/", "/delete/"))
    }
    assert shut == SHUT.keys(), "a row that nobody may open says nothing of who may"
    compare("admin.txt", table(filled, rows))


def links():
    """Return each link from a model to another whose page can be searched: a question of its own.

    The address that answers it knows no page: it lists rows of the other model by their names.
    """
    for model, model_admin in admin.site._registry.items():
        for field in [*model._meta.fields, *model._meta.many_to_many]:
            other = admin.site._registry.get(field.related_model)
            if other is not None and other.search_fields:
                yield (
                    model_admin,
                    {
                        "app_label": model._meta.app_label,
                        "model_name": model._meta.model_name,
                        "field_name": field.name,
                        "term": "a",
                    },
                )


def test_every_list_of_names_behind_a_field_for_everybody(filled):
    clients = {name: signed_in(user) for name, user in filled.items()}
    rows = {}
    for model_admin, asked in links():
        shown = f"{model_admin.opts.label} {asked['field_name']}"
        rows[shown] = [
            ask(client, "get", "/admin/autocomplete/", query_params=asked)
            for client in clients.values()
        ]

    assert len(rows) > 30
    compare("names.txt", table(filled, rows))


def test_every_list_inside_a_page_for_everybody(filled):
    """What of the rows on a page somebody sees (v), adds (a), changes (c) and deletes (d)."""
    rows = {}
    for model, model_admin in admin.site._registry.items():
        parent = model._default_manager.first()
        for place, user in enumerate(filled.values()):
            request = RequestFactory().get("/")
            request.user = user
            for inline in model_admin.get_inline_instances(request, parent):
                shown = f"{model._meta.label} > {inline.model._meta.label}"
                cells = rows.setdefault(shown, ["-"] * len(filled))
                cells[place] = rights(inline, request, parent)

    assert len(rows) > 4
    compare("inlines.txt", table(filled, rows))


def rights(inline, request, parent):
    may = {
        "v": inline.has_view_permission(request, parent),
        "a": inline.has_add_permission(request, parent),
        "c": inline.has_change_permission(request, parent),
        "d": inline.has_delete_permission(request, parent),
    }
    return "".join(letter for letter, yes in may.items() if yes)


def test_every_operation_of_the_api_for_everybody(filled, settings, monkeypatch):
    """Staff with a session, by their groups; systems with a token, by each scope alone."""
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    monkeypatch.setitem(rates, "anonymous", UNLIMITED)
    operations = list(api_addresses())
    rows = {}
    clients = {name: signed_in(user) for name, user in filled.items()}
    Job.objects.update(created_by=filled[world.SUPERUSER])
    only = {scope: Api(scope, user=filled[world.SUPERUSER]) for scope in SCOPES}
    for shown, method, path in operations:
        body = {} if method == "get" else BODY
        cells = [ask(client, method, path, **body) for client in clients.values()]
        opens = [
            scope
            for scope in SCOPES
            if passes(method, path, scope) and ask_with(only[scope], method, path) == "x"
        ]
        rows[shown] = [*cells, "  " + (" ".join(opens) or "none")]

    assert len(rows) > 150
    compare("api.txt", table([*filled, "  scopes"], rows))


def passes(method, path, scope):
    """Ask the gate of the operation alone: what it refuses never gets further."""
    match = resolve(path)
    view = match.func.cls(**match.func.initkwargs)
    view.action = view.action_map = None
    view.action = match.func.actions[method]
    request = Request(RequestFactory().generic(method, path))
    request.user, request.auth = User(username="x"), ApiToken(scopes=[scope])
    try:
        return all(gate.has_permission(request, view) for gate in view.get_permissions())
    except NotAuthenticated:
        return True  # receives signals, and reads the token itself


def ask_with(api, method, path):
    headers = {"Authorization": f"Bearer {api.secret}"}
    body = {} if method == "get" else BODY
    return ask(api.client, method, path, headers=headers, **body)


def test_every_action_on_ticked_rows_for_everybody(filled):
    """Actions of lists have no address: what is offered is what a POST of it may do."""
    rows = {}
    for model, model_admin in admin.site._registry.items():
        for place, user in enumerate(filled.values()):
            request = RequestFactory().get("/")
            request.user = user
            offered = model_admin.get_actions(request) if user.is_staff else {}
            for action in offered:
                cells = rows.setdefault(f"{model._meta.label} {action}", ["-"] * len(filled))
                cells[place] = "x"

    compare("actions.txt", table(filled, rows))
