"""Every example in docs/api.md runs."""

import re
import shlex
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories import CustomerFactory, ProductFactory

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
        elif word == "-d":
            body = next(words)
        elif word == "-F":
            name, _, value = next(words).partition("=")
            form[name] = value
        else:
            path = word.removeprefix("$CRM")
    return method, path, headers, body, form


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_example_runs(api, settings, tmp_path, command):
    settings.CRM_UPLOAD_DIR = tmp_path
    CustomerFactory(code="C1")
    ProductFactory(key="P1")
    method, path, headers, body, form = parts(command)
    headers["Authorization"] = headers["Authorization"].replace("$TOKEN", api.secret)
    if "file" in form:
        form["file"] = SimpleUploadedFile(form["file"].removeprefix("@"), b"code,name\nN1,Nora\n")

    if form:
        response = api.client.post(path, form, headers=headers)
    elif body:
        response = api.client.generic(method, path, body, "application/json", headers=headers)
    else:
        response = api.client.get(path, headers=headers)

    assert response.status_code in {200, 201, 202}, response.content
