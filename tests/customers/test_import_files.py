"""Files of imports go some days after their import is over, and no sooner."""

import errno
import io
import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm_project.common.exceptions import CrmError
from crm_project.common.services.tidying import tidy
from customers.models import ImportBatch
from customers.services import import_files, imports
from customers.services.import_again import import_again
from tests.factories import ImportBatchFactory, JobFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]

NOW = datetime(2026, 11, 22, 5, 20, tzinfo=UTC)
LIMIT = NOW - timedelta(days=30)
OLD = LIMIT - timedelta(seconds=1)
FINISHED = ["committed", "failed", "cancelled"]
FILE = b"code,name\nC1,Ann\n,nobody\n"


@pytest.fixture
def folder(settings):
    settings.CRM_KEEP_UPLOAD_DAYS = 30
    folder = Path(settings.CRM_UPLOAD_DIR)
    folder.mkdir()
    return folder


def put(folder, name="", at=OLD):
    path = folder / (name or f"{uuid.uuid4().hex}.import")
    path.write_bytes(FILE)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def batch(folder, status, finished_at=OLD, **values):
    """Return the file of an import, which is as old as can be."""
    path = put(folder)
    made = ImportBatchFactory(status=status, finished_at=finished_at, file_path=path.name, **values)
    ImportBatch.objects.filter(pk=made.pk).update(created_at=datetime(2001, 1, 1, tzinfo=UTC))
    return path


def files(**options):
    return next(
        part.cleared
        for part in tidy(now=NOW, **options).parts
        if part.chore.what == "Files of imports"
    )


@pytest.mark.parametrize("status", FINISHED)
def test_a_file_goes_when_its_import_has_been_over_for_some_days(folder, status):
    goes, stays = batch(folder, status), batch(folder, status, finished_at=LIMIT)

    assert files().removed == 1

    assert (goes.exists(), stays.exists()) == (False, True)


@pytest.mark.parametrize("status", ["uploaded", "previewing", "previewed", "importing"])
def test_the_file_of_an_import_that_may_go_on_stays_and_is_told_of(folder, status):
    path = batch(folder, status)

    cleared = files()

    assert path.exists()
    assert cleared.removed == 0
    assert cleared.note == "1 older stay: their imports are neither finished nor cancelled."


@pytest.mark.parametrize("status", ["queued", "running"])
def test_the_file_of_a_failed_import_stays_while_a_job_tries_it_again(folder, status):
    path = batch(folder, "failed")
    job = JobFactory(kind="import_commit", status=status, params={"batch_id": own(path).pk})
    assert files().removed == 0

    job.status = "failed"
    job.save()
    assert files().removed == 1


def own(path):
    return ImportBatch.objects.get(file_path=path.name)


def test_an_unfinished_job_without_an_import_hinders_nothing(folder):
    JobFactory(kind="import_commit", params={})
    batch(folder, "committed")

    assert files().removed == 1


@pytest.mark.django_db(transaction=True)
def test_the_file_of_an_import_that_is_read_right_now_stays(folder, in_thread):
    path = batch(folder, "failed")

    with imports.transaction.atomic():
        ImportBatch.objects.select_for_update().get(file_path=path.name)
        removed = in_thread(files)().removed

    assert (removed, path.exists()) == (0, True)


def test_a_file_of_no_import_goes_by_its_own_age(folder):
    old, part = put(folder), put(folder, f"{uuid.uuid4().hex}.import.part")
    left_by_a_killed_process = put(folder, "upload-ab_cd3fg.part")
    at_the_limit, new = put(folder, at=LIMIT), put(folder, at=NOW)

    assert files().removed == 3

    gone = (old, part, left_by_a_killed_process)
    assert [path.exists() for path in (*gone, at_the_limit, new)] == [False] * 3 + [True] * 2


@pytest.mark.parametrize(
    "name", ["notes.txt", "a\nb.import", "CON", "x" * 32 + ".import", ".import", "-rf", "é.import"]
)
def test_files_with_names_that_are_not_ours_stay(folder, name):
    stays = put(folder, name)
    bytes_name = os.fsencode(folder) + b"/\xff\xfe.import"
    Path(os.fsdecode(bytes_name)).touch()

    assert files().removed == 0
    assert stays.exists()


def test_links_and_folders_are_not_touched(folder, tmp_path):
    elsewhere = put(tmp_path, "precious")
    link, inside = folder / f"{uuid.uuid4().hex}.import", folder / f"{uuid.uuid4().hex}.import"
    link.symlink_to(elsewhere)
    inside.mkdir()
    ImportBatchFactory(status="committed", finished_at=OLD, file_path=link.name)

    assert files() == import_files.Cleared()

    assert (link.is_symlink(), elsewhere.exists(), inside.is_dir()) == (True, True, True)


def test_a_folder_that_is_not_there_holds_nothing(settings, tmp_path):
    settings.CRM_UPLOAD_DIR = tmp_path / "none"

    assert files() == import_files.Cleared()


def test_a_folder_that_cannot_be_read_is_told_of(settings, tmp_path):
    settings.CRM_UPLOAD_DIR = put(tmp_path, "a file")

    assert files().troubles == ("The folder of uploads cannot be read: Not a directory.",)


def test_a_file_that_cannot_be_removed_is_told_of_and_the_rest_goes(folder, monkeypatch):
    paths = [batch(folder, "committed") for _ in range(15)]
    unlink = Path.unlink

    def refused(path, *args, **kwargs):
        if path == paths[-1]:
            return unlink(path, *args, **kwargs)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    cleared = files()

    assert cleared.removed == 1
    assert len(cleared.troubles) == 11
    assert cleared.troubles[0].endswith(".import cannot be removed: Permission denied.")
    assert cleared.troubles[-1] == "So do 4 more files."


@pytest.mark.parametrize("code", [errno.EACCES, errno.ESTALE])
def test_a_file_of_no_import_whose_age_cannot_be_seen_stays_and_the_rest_goes(
    folder, monkeypatch, code
):
    unseen, old, owned = put(folder), put(folder), batch(folder, "committed")
    lstat = Path.lstat

    def refused(path):
        if path == unseen:
            raise OSError(code, os.strerror(code))
        return lstat(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", refused)
        cleared = files()

    assert cleared.troubles == (f"{unseen.name} cannot be looked at: {os.strerror(code)}.",)
    assert (unseen.exists(), old.exists(), owned.exists()) == (True, False, False)


def test_a_file_that_another_one_removed_meanwhile_is_no_trouble(folder, monkeypatch):
    batch(folder, "committed")

    def gone(path, *args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "unlink", gone)
    assert files() == import_files.Cleared()


def test_a_dry_run_counts_files_and_leaves_them(folder):
    paths = [batch(folder, "committed"), put(folder)]

    assert files(dry_run=True).removed == 2
    assert all(path.exists() for path in paths)
    assert files().removed == 2
    assert files().removed == 0


def test_more_files_cost_no_more_statements(folder):
    def statements():
        with CaptureQueriesContext(connection) as seen:
            import_files.clear_files(limit=LIMIT, dry_run=False)
        return len(seen)

    batch(folder, "committed")
    few = statements()
    for _ in range(20):
        batch(folder, "committed")
    assert statements() == few <= 6


@pytest.fixture
def thinned(folder):
    """An import with a refused line, whose file has gone."""
    made = imports.create_batch(
        kind="customers", format="generic", file=io.BytesIO(FILE), file_name="f.csv"
    )
    imports.commit(batch_id=made.pk)
    ImportBatch.objects.filter(pk=made.pk).update(finished_at=OLD)
    assert files().removed == 1
    made.refresh_from_db()
    assert made.refused == made.refused_rows.count() == 1
    return made


WORDS = "no longer kept: files are removed 30 days after their import is over."


def test_the_page_says_that_the_file_was_removed_and_offers_nothing_that_needs_it(
    thinned, admin_client
):
    page = admin_client.get(reverse("admin:customers_importbatch_change", args=[thinned.pk]))

    assert WORDS in page.content.decode()
    assert "Import the refused lines again" not in page.content.decode()
    assert "Download as CSV" in page.content.decode()


def test_to_import_again_says_so_too(thinned, api):
    with pytest.raises(CrmError, match=WORDS):
        import_again(batch_id=thinned.pk)

    answer = api.post(f"imports/{thinned.pk}/again")
    assert answer.status_code == 400
    assert WORDS in answer.json()["detail"]


def test_a_failed_import_that_is_tried_again_too_late_says_so(thinned):
    ImportBatch.objects.filter(pk=thinned.pk).update(status="failed")

    with pytest.raises(CrmError, match=WORDS):
        imports.commit(batch_id=thinned.pk)

    thinned.refresh_from_db()
    assert (thinned.status, WORDS in thinned.error) == ("failed", True)
