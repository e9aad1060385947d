"""A second build gives the same groups and numbers, and nothing later than its day changes them."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import Segmentation
from analytics.services.rfm import score_rfm
from analytics.services.segmentations import KINDS, build
from customers.models import Customer
from orders.models import Order
from tests.analytics.segmentation_support import (
    DAY,
    QUICK,
    built,
    by_kind,
    give_taste,
    membership,
    order,
    shop,
)

pytestmark = pytest.mark.django_db


class TestRepetition:
    def test_a_second_build_gives_the_same_groups_numbers_names_and_quality(self, monkeypatch):
        give_taste(monkeypatch, shop())
        once, again = (by_kind(build(as_of=DAY, effort=QUICK)) for _ in range(2))
        for kind in KINDS:
            assert membership(once[kind]) == membership(again[kind])
            assert once[kind].quality == again[kind].quality
            told = [
                list(one.clusters.values_list("number", "name", "size", "evidence"))
                for one in (once[kind], again[kind])
            ]
            assert told[0] == told[1]

    def test_numbers_come_back_when_the_sizes_turn_round(self):
        people = shop()
        before = membership(built())
        more = Customer.objects.bulk_create([Customer(code=f"N{n}") for n in range(120)])
        Order.objects.bulk_create(
            order(person, DAY - timedelta(days=250 + n % 3), 25) for n, person in enumerate(more)
        )
        now = membership(built(as_of=DAY, seed=4))
        assert {person.pk: now[person.pk] for person in people} == before

    def test_a_first_look_at_the_past_takes_the_numbers_of_today(self):
        people = shop()
        today = membership(built())
        past = built(as_of=DAY - timedelta(days=2), make_current=False, seed=5)
        assert not past.is_current
        assert membership(past)[people[0].pk] == today[people[0].pk]

    def test_a_day_before_the_current_one_becomes_current_only_when_asked(self):
        shop()
        today, day = built(), DAY - timedelta(days=2)
        assert not built(as_of=day).is_current
        assert Segmentation.objects.get(kind=today.kind, is_current=True) == today
        assert built(as_of=day, make_current=True).is_current

    def test_cut_points_of_a_later_day_do_not_group_an_earlier_one(self):
        shop()
        later = score_rfm(as_of=DAY)
        score_rfm(as_of=DAY, mode="fixed", cuts_from=later.pk)
        day = DAY - timedelta(days=30)
        # What a person may have looked at; it must not be taken up either.
        score_rfm(as_of=day, mode="fixed", cuts_from=later.pk, make_current=False)

        run = built("rfm_map", as_of=day).rfm_run

        assert (run.as_of, run.mode, run.cuts_from) == (day, "quantile", None)
        assert built("rfm_map", as_of=DAY).rfm_run.cuts_from == later


later_orders = st.lists(
    st.tuples(st.integers(0, 149), st.integers(1, 400), st.sampled_from(["sale", "return"])),
    min_size=1,
    max_size=12,
)


@given(later_orders)
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_after_the_day_changes_who_is_in_which_group(rows):
    def groups():
        with transaction.atomic():
            made = by_kind(build(as_of=DAY, kinds=["rfm_map", "rfm"], effort=QUICK))
            found = {kind: (membership(one), one.quality) for kind, one in made.items()}
            transaction.set_rollback(True)
        return found

    with transaction.atomic():
        people = shop()
        before = groups()
        Order.objects.bulk_create(
            order(people[who], DAY + timedelta(days=days), 9999, kind=kind)
            for who, days, kind in rows
        )
        # The very first moment of the next day.
        order(people[0], DAY + timedelta(days=1), 5000, clock="00:00").save()
        assert groups() == before
        transaction.set_rollback(True)
