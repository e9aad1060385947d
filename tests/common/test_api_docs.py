"""Every example in docs/api.md runs."""

import re
import shlex
from base64 import b64encode
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from analytics.services.embeddings import embed_customers
from analytics.services.profiles import refresh_profiles
from recommendations.services.approvals import decide_run
from recommendations.services.audit import audit
from tests.analytics.embedding_support import embedded_shop
from tests.analytics.profile_support import buy
from tests.analytics.queued import remove_all
from tests.factories import CampaignFactory, CustomerFactory, ProductFactory
from tests.recommendations.storage import make_run

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
EXAMPLES = re.findall(r"```sh\n(curl .*)\n```", PAGE)


def parts(command):
    """Return method, path, headers, body and form fields of a curl command."""
    words = iter(shlex.split(command)[1:])
    method, headers, body, form, path = "get", {}, None, {}, ""
    for word in words:
        if word == "-X":
            method = next(words).lower()
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-u":
            headers["Authorization"] = f"Basic {next(words)}"
        elif word == "-d":
            body = next(words)
        elif word == "-F":
            name, _, value = next(words).partition("=")
            form[name] = value
        else:
            path = word.removeprefix("$CRM")
    return method, path, headers, body, form


def authorization(written, secret):
    """Return the header as curl would send it, with the secret in its place."""
    scheme, _, value = written.partition(" ")
    value = value.replace("$TOKEN", secret)
    return f"{scheme} {b64encode(value.encode()).decode() if scheme == 'Basic' else value}"


@pytest.fixture(autouse=True, scope="module")
def nothing_left_in_the_queue():
    yield
    remove_all("test:docs")


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_example_runs(api, settings, tmp_path, command):
    settings.CRM_UPLOAD_DIR = tmp_path
    settings.CRM_QUEUE_PREFIX = "test:docs"
    CustomerFactory(code="C1")
    ProductFactory(key="P1")
    if "/similar" in command:
        buy("C1", "2011-01-10", (embedded_shop(each=2)[0], "20.00"))
        refresh_profiles()
        embed_customers(all=True)
    if "/reco-exports" in command:
        CampaignFactory(code="spring")
        item = (CustomerFactory(), ProductFactory(), 1, {"price": 5})
        run = make_run([item], quality={"passed": True, "words": "Fine.", "findings": []})
        audit(run=run)
        decide_run(run=run, decision="approved", user=api.user)
    method, path, headers, body, form = parts(command)
    kind = headers.pop("Content-Type", "")
    headers["Authorization"] = authorization(headers["Authorization"], api.secret)
    if "file" in form:
        form["file"] = SimpleUploadedFile(form["file"].removeprefix("@"), b"code,name\nN1,Nora\n")

    if form:
        response = api.client.post(path, form, headers=headers)
    elif body:
        response = api.client.generic(method, path, body, kind, headers=headers)
    else:
        response = api.client.get(path, headers=headers)

    assert response.status_code in {200, 201, 202}, response.content
    assert not response.json().get("rejected"), response.content
