"""A file that nobody may send is refused before a byte of it is kept."""

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from crm_project.common.api.errors import MEDIA_TYPE
from crm_project.common.uploads import BesideUploads, UploadHandler
from tests.customers.test_import_wizard import GOOD, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]

LARGE = 2_000


@pytest.fixture(autouse=True)
def small_limits(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1_500
    settings.CRM_UPLOAD_MAX_BYTES = 10_000


@pytest.fixture
def kept(monkeypatch):
    """The files that were kept on disk meanwhile."""
    files = []
    new_file = UploadHandler.new_file

    def note(self, *args, **kwargs):
        new_file(self, *args, **kwargs)
        files.append(Path(self.file.temporary_file_path()))

    monkeypatch.setattr(UploadHandler, "new_file", note)
    return files


def form(size=LARGE):
    return {"file": SimpleUploadedFile("x.csv", b"x" * size)}


def test_nobody_leaves_a_file_at_the_sign_in(kept):
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32

    response = client.post(reverse("admin:login"), form())

    assert (response.status_code, kept) == (413, [])
    assert "Only who may import files can send one." in response.content.decode()


def test_staff_who_may_not_import_are_told_so(client, staff_user, kept):
    client.force_login(staff_user)

    response = client.post(reverse("admin:customers_importbatch_add"), form())

    assert (response.status_code, kept) == (413, [])
    assert "Only who may import files can send one." in response.content.decode()


def test_staff_who_may_not_import_are_told_so_by_the_api(client, staff_user, kept):
    client.force_login(staff_user)

    response = client.post("/api/v1/imports", form())

    assert (response.status_code, kept) == (413, [])
    assert response["Content-Type"] == MEDIA_TYPE
    assert response.json()["errors"][0]["code"] == "too_large"


def test_systems_show_their_token_first(client, kept):
    assert client.post("/api/v1/imports", form()).status_code == 401
    assert kept == []


def test_a_file_above_the_limit_is_refused_in_words(admin_client, kept, settings, monkeypatch):
    monkeypatch.setattr("customers.middleware.FORM_BYTES", 0)

    response = admin_client.post(reverse("admin:customers_importbatch_add"), form(10_001))

    assert (response.status_code, kept) == (413, [])
    assert "The file is larger than 10,000 bytes." in response.content.decode()
    assert response.context["available_apps"]


def test_who_may_import_sends_large_files_and_they_lie_beside_the_uploads(
    client, staff_user, kept, settings
):
    settings.CRM_UPLOAD_DIR = settings.CRM_UPLOAD_DIR / "made" / "anew"
    staff_user.user_permissions.add(Permission.objects.get(codename="add_importbatch"))
    client.force_login(staff_user)

    assert upload(client, GOOD + "x" * LARGE).status_code == 302

    assert [path.parent for path in kept] == [settings.CRM_UPLOAD_DIR]
    assert not kept[0].exists()


def test_systems_that_may_import_send_large_files(api, kept, settings):
    data = {"kind": "orders", **form()}
    headers = {"Authorization": f"Bearer {api.secret}"}

    assert api.client.post("/api/v1/imports", data, headers=headers).status_code == 202

    assert [path.parent for path in kept] == [settings.CRM_UPLOAD_DIR]


def test_a_file_that_is_being_uploaded_is_gone_when_it_is_closed(settings):
    file = BesideUploads("orders.csv", "text/csv", None)
    path = Path(file.temporary_file_path())
    assert path.parent == settings.CRM_UPLOAD_DIR

    file.close()

    assert not path.exists()
