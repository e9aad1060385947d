import gzip

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from crm_project.common.tasks import run_job
from customers.models import Customer, ImportBatch
from tests.api import errors

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]

GOOD = b"code,name\nN1,Nora\nN2,Nils\n"


def upload(api, content=GOOD, name="customers.csv", **fields):
    data = {"kind": "customers", "file": SimpleUploadedFile(name, content), **fields}
    return api.client.post(
        "/api/v1/imports",
        {key: value for key, value in data.items() if value is not None},
        headers={"Authorization": f"Bearer {api.secret}", **api.headers},
    )


def run(response):
    run_job(response.json()["job"]["id"])
    return response.json()["batch"]["id"]


class TestImport:
    def test_a_file_is_previewed_confirmed_and_imported(self, api):
        batch = run(upload(api))
        preview = api.get(f"imports/{batch}").json()
        assert (preview["status"], preview["new"]) == ("previewed", 2)
        assert not Customer.objects.exists()

        run(api.post(f"imports/{batch}/commit"))

        assert api.get(f"imports/{batch}").json()["status"] == "committed"
        assert set(Customer.objects.values_list("code", flat=True)) == {"N1", "N2"}

    def test_refused_lines_are_a_csv(self, api):
        batch = run(upload(api, b"code,name\nN1,Nora\n,Nobody\n"))

        response = api.get(f"imports/{batch}/errors.csv")

        assert response["Content-Type"].startswith("text/csv")
        lines = b"".join(response.streaming_content).decode().splitlines()
        assert lines[0].split(",")[:2] == ["file", "line"]
        assert len(lines) == 2

    def test_it_can_be_given_up_before_it_is_committed(self, api):
        batch = run(upload(api))

        assert api.post(f"imports/{batch}/cancel").json()["status"] == "cancelled"
        assert api.post(f"imports/{batch}/commit").status_code == 409

    def test_a_step_too_early_is_a_conflict(self, api):
        batch = upload(api).json()["batch"]["id"]

        assert api.post(f"imports/{batch}/commit").status_code == 409

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"kind": "planets"}, "non_field_errors"),
            ({"kind": None}, "kind"),
            ({"file": None}, "file"),
            ({"file": "text"}, "file"),
            ({"format": "morse"}, "non_field_errors"),
            ({"mode": "maybe"}, "mode"),
            ({"options": "[]"}, "options"),
            ({"options": "[" * 1500}, "options"),
            ({"options": '{"colour": "red"}'}, "non_field_errors"),
            ({"status": "committed"}, "status"),
        ],
    )
    def test_a_wrong_form_is_refused_by_name(self, api, fields, name):
        response = upload(api, **fields)

        assert response.status_code == 400
        assert name in errors(response)
        assert not ImportBatch.objects.exists()

    def test_an_empty_file_and_a_strange_name_do_no_harm(self, api, tmp_path):
        assert upload(api, b"").status_code == 400

        assert upload(api, gzip.compress(GOOD), name="../../evil.csv.gz").status_code == 202
        assert ImportBatch.objects.get().file_name == "evil.csv.gz"
        assert len(list(tmp_path.iterdir())) == 1

    def test_a_file_above_the_limit_is_refused(self, api, settings):
        settings.CRM_UPLOAD_MAX_BYTES = 10

        assert upload(api).status_code == 400

    def test_the_same_key_uploads_once(self, api):
        api.headers = {"Idempotency-Key": "once"}

        first, second = upload(api), upload(api)
        other = upload(api, b"code,name\nN3,Nora\n")

        assert first.json() == second.json()
        assert ImportBatch.objects.count() == 1
        assert other.status_code == 422
