"""The file of an export: safe cells, its hash, its end, and none that is half."""

import gzip
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.services.tidying import tidy
from recommendations.models import (
    Assignment,
    RecoExport,
    RecoExportFile,
    RecoExportItem,
)
from recommendations.services import exports
from recommendations.services.approvals import (
    decide_run,
)
from recommendations.services.audit import audit, lock_run
from recommendations.services.export_files import read_file
from recommendations.services.exports import export
from tests.factories import (
    CustomerFactory,
    ProductFactory,
)
from tests.recommendations.export_support import approved, lines
from tests.recommendations.storage import make_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_held_out")]


HOSTILE = ['=HYPERLINK("http://evil")', "+1+1", "-2", "@SUM(A1)", "\tx", 'a"b,c\nd', "'=x"]


def test_cells_that_a_spreadsheet_would_run_are_disarmed(user, campaign):
    customers = [CustomerFactory(name=name) for name in HOSTILE]
    label = '=cmd|"/c calc"!A1'
    product = ProductFactory(label=label)
    run = make_run([(who, product, 1, {"price": Decimal(1)}) for who in customers])
    audit(run=run, policy="permissive")
    decide_run(run=run, decision="approved", user=user)

    made = export(run=run, campaign=campaign, user=user)

    assert not [
        cell for row in lines(made) for cell in row.values() if cell[:1] in tuple("=+-@\t\r\n")
    ]
    assert {row["label"] for row in lines(made)} == {f"'{label}"}
    assert 'a"b,c\nd' in {row["name"] for row in lines(made)}


@pytest.mark.usefixtures("uploads")
def test_the_file_goes_after_a_time_and_the_manifest_stays(user, campaign):
    made = export(run=approved(CustomerFactory(), user=user), campaign=campaign, user=user)
    now = timezone.now()
    kept = tidy(now=now + timedelta(days=89))
    assert RecoExportFile.objects.filter(export=made).exists()

    gone = tidy(now=now + timedelta(days=91))

    assert (kept.removed, gone.removed) == (0, 1)

    with pytest.raises(CrmError, match="kept no longer"):
        read_file(export=made)
    assert RecoExport.objects.get(pk=made.pk).manifest["sha256"] == made.sha256
    assert RecoExportItem.objects.count() == 1


def test_a_file_that_somebody_changed_is_not_given_out(user, campaign):
    made = export(run=approved(CustomerFactory(), user=user), campaign=campaign, user=user)
    RecoExportFile.objects.update(packed=gzip.compress(b"something else"))

    with pytest.raises(CrmError, match="not the one that was hashed"):
        read_file(export=made)


@pytest.mark.django_db(transaction=True)
def test_of_two_exports_at_once_one_leaves_and_the_other_is_told(user, campaign, in_thread):
    run = approved(*[CustomerFactory() for _ in range(3)], user=user)
    with transaction.atomic():
        lock_run(run)
        for what in (
            lambda: export(run=run, campaign=campaign, user=user),
            lambda: decide_run(run=run, decision="rejected", user=user, comment="No"),
        ):
            with pytest.raises(ConflictError, match="right now"):
                in_thread(what)()

    results = []
    waits = [in_thread(export, run=run, campaign=campaign, user=user) for _ in range(2)]
    for wait in waits:
        try:
            results.append(wait().rows)
        except CrmError as error:
            results.append(type(error))
    assert sorted(map(str, results))[0] == "3"
    assert RecoExportItem.objects.count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["assign", "pack_rows", "attach_export"])
def test_an_export_killed_in_the_middle_leaves_nothing(
    user, campaign, in_thread, monkeypatch, step
):
    run = approved(CustomerFactory(), user=user)
    real = getattr(exports, step)

    def die(*args, **kwargs):
        real(*args, **kwargs)
        # As when the process dies: the server sees the connection end and rolls back.
        connection.connection.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(exports, step, die)
    with pytest.raises(KeyboardInterrupt):
        in_thread(export, run=run, campaign=campaign, user=user)()

    for model in (RecoExport, RecoExportItem, RecoExportFile, Assignment):
        assert not model.objects.exists()
    monkeypatch.undo()
    assert export(run=run, campaign=campaign, user=user).rows == 1
