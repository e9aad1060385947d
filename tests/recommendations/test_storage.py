"""What a run left can be read and decided on; settings never change; old runs can be dropped."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from recommendations.models import RecoConfig, RecoExclusion, RecoItem, RecoRun
from tests.factories import CustomerFactory, ProductFactory
from tests.recommendations.storage import items_of, make_config, make_run

pytestmark = pytest.mark.django_db


def open_run(number):
    with connection.cursor() as cursor:
        cursor.execute("select crm_private.reco_open(%s)", [number])


def drop(run):
    with connection.cursor() as cursor:
        cursor.execute("select crm_private.reco_drop(%s)", [run.pk])
        return cursor.fetchone()[0]


def test_items_and_exclusions_of_a_run_are_read_by_their_keys():
    customer, product = CustomerFactory(), ProductFactory()
    silent = CustomerFactory()
    run = make_run(
        [(customer, product, 1)], exclusions=[(silent, "offer", "NO_CANDIDATE", {"codes": []})]
    )

    (item,) = items_of(run)
    assert RecoItem.run_of(item.pk) == run.pk
    assert RecoItem.objects.get(pk=item.pk, run=run).product == product
    assert RecoExclusion.objects.get(run=run, customer=silent).code == "NO_CANDIDATE"
    assert RecoItem.objects.filter(pk=item.pk, run=run).update(status="approved") == 1


def test_a_rank_is_given_once_and_a_scenario_is_one_of_the_five():
    customer, product = CustomerFactory(), ProductFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run([(customer, product, 1), (customer, product, 1)])
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run([(customer, product, 1, {"scenario": "MAGIC"})])


@pytest.mark.parametrize("status", ["succeeded", "failed", "stopped"])
def test_only_a_run_that_is_being_made_is_opened(status):
    run = make_run([], current=False)
    assert drop(run)
    RecoRun.objects.filter(pk=run.pk).update(status=status)

    for number in (run.pk, run.pk + 1):
        with pytest.raises(DatabaseError, match="is not being made"), transaction.atomic():
            open_run(number)

    RecoRun.objects.filter(pk=run.pk).update(status="running")
    open_run(run.pk)


def test_an_old_run_is_dropped_and_the_current_one_is_not():
    customer, product = CustomerFactory(), ProductFactory()
    old = make_run([(customer, product, 1)], current=False)
    current = make_run([(customer, product, 1)])

    assert drop(old) is True
    assert items_of(old) == []
    with pytest.raises(DatabaseError, match="current"), transaction.atomic():
        drop(current)
    assert len(items_of(current)) == 1
    assert RecoRun.objects.count() == 2


def test_the_values_of_settings_never_change_and_one_set_is_active():
    config = make_config(max_recos=3)

    config.name = "renamed"
    config.save()
    with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
        RecoConfig.objects.filter(pk=config.pk).update(values={"max_recos": 9})
    with pytest.raises(IntegrityError), transaction.atomic():
        make_config(hash="1" * 64)
