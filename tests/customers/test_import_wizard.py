"""The import wizard without a browser: who may, what is shown, what starts."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from crm_project.common.models import Job
from crm_project.common.services import job_runs
from customers.models import ImportBatch
from orders.models import Order
from tests.factories import ImportBatchFactory, RefusedRowFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("uploads")]

GOOD = (
    "order_number,ordered_at,customer_code,product_key,quantity,unit_price\n"
    "A1,2025-03-01T10:00:00+00:00,C1,P1,2,1.50\n"
    "A1,2025-03-01T10:00:00+00:00,C1,P2,1,<script>alert(1)</script>\n"
)


def upload(client, text=GOOD, **changed):
    data = {
        "shape": "orders/generic",
        "source": "shop",
        "mode": "both",
        "on_error": "skip",
        "file": SimpleUploadedFile("orders.csv", text.encode()),
        **changed,
    }
    return client.post(reverse("admin:customers_importbatch_add"), data)


def run_jobs():
    """Do what a worker would: every queued job, in its order."""
    for job in Job.objects.filter(status="queued").order_by("created_at"):
        job_runs.run(job_id=str(job.pk))


def page_of(batch):
    return reverse("admin:customers_importbatch_change", args=[batch.pk])


def test_upload_preview_confirm_result(admin_client):
    response = upload(admin_client)
    batch = ImportBatch.objects.get()
    assert response["Location"] == page_of(batch)
    assert "job-progress" in admin_client.get(page_of(batch)).content.decode()

    run_jobs()
    preview = admin_client.get(page_of(batch))
    assert preview.context["batch"].new == 1
    assert [refusal.lines for refusal in preview.context["refusals"]] == [1]
    assert "<script>alert(1)" not in preview.content.decode()
    assert not Order.objects.exists()

    admin_client.post(reverse("admin:customers_importbatch_confirm", args=[batch.pk]))
    run_jobs()
    result = admin_client.get(page_of(batch)).content.decode()
    assert f"?batch={batch.pk}" in result
    assert Order.objects.get().number == "A1"


def test_a_second_confirmation_starts_nothing(admin_client):
    upload(admin_client)
    batch = ImportBatch.objects.get()
    run_jobs()
    for _ in range(2):
        admin_client.post(reverse("admin:customers_importbatch_confirm", args=[batch.pk]))
        run_jobs()

    assert Job.objects.filter(kind="import_commit").count() == 1


def test_cancel_writes_nothing(admin_client):
    upload(admin_client)
    batch = ImportBatch.objects.get()

    admin_client.post(reverse("admin:customers_importbatch_cancel", args=[batch.pk]))

    batch.refresh_from_db()
    assert batch.status == "cancelled"
    assert Job.objects.get().status == "cancelled"


@pytest.mark.parametrize("text", ["", "nonsense\n1\n", "\x00\x01\x02" * 50])
def test_a_file_that_is_none_gives_words_and_no_traceback(admin_client, text):
    response = upload(admin_client, text)

    if response.status_code == 302:
        run_jobs()
        batch = ImportBatch.objects.get()
        assert batch.status == "failed"
        assert batch.error in admin_client.get(page_of(batch)).content.decode().replace(
            "&#x27;", "'"
        ).replace("&quot;", '"')
    else:
        assert response.context["form"].errors["file"]


def test_the_wizard_says_that_no_worker_runs(admin_client):
    upload(admin_client)
    Job.objects.update(created_at="2020-01-01T00:00:00Z")

    page = admin_client.get(page_of(ImportBatch.objects.get()))

    assert "Is a worker running?" in page.content.decode()


def test_refused_lines_are_downloaded_safe_for_spreadsheets(admin_client):
    batch = ImportBatchFactory(status="previewed", lines=1, refused=1)
    RefusedRowFactory(batch=batch, raw="=1+1")

    response = admin_client.get(reverse("admin:customers_importbatch_refused", args=[batch.pk]))

    text = b"".join(response.streaming_content).decode()
    assert "'=1+1" in text
    assert "attachment" in response["Content-Disposition"]


class TestPermissions:
    @pytest.fixture
    def viewer(self, client, staff_user):
        staff_user.user_permissions.add(Permission.objects.get(codename="view_importbatch"))
        client.force_login(staff_user)
        return client

    def test_a_viewer_sees_no_button(self, viewer):
        batch = ImportBatchFactory(status="previewed", lines=1, new=1)

        text = viewer.get(page_of(batch)).content.decode()

        assert 'id="confirm"' not in text
        assert "Cancel this import" not in text
        assert "Import a file" not in text

    @pytest.mark.parametrize("step", ["confirm", "cancel"])
    def test_a_viewer_cannot_steer(self, viewer, step):
        batch = ImportBatchFactory(status="previewed", lines=1, new=1)

        url = reverse(f"admin:customers_importbatch_{step}", args=[batch.pk])

        assert viewer.post(url).status_code == 403
        assert viewer.get(url).status_code == 405
        assert not Job.objects.exists()

    def test_a_viewer_cannot_upload_nor_read_refused_lines(self, viewer):
        batch = ImportBatchFactory()

        assert upload(viewer).status_code == 403
        url = reverse("admin:customers_importbatch_refused", args=[batch.pk])
        assert viewer.get(url).status_code == 403
