"""Families are read from descriptions, marked derived, and never overwrite a given one."""

import pytest

from orders.models import Product
from orders.services.families import derive_families


@pytest.mark.django_db
class TestDeriveFamilies:
    def test_a_derived_family_is_marked(self):
        Product.objects.create(key="1", label="BLUE MUG")

        assert derive_families() == 1

        product = Product.objects.get()
        assert (product.family, product.derived_fields) == ("Kitchen & dining", ["family"])

    def test_a_given_family_a_charge_and_an_unknown_word_are_left_alone(self):
        Product.objects.create(key="1", label="BLUE MUG", family="China")
        Product.objects.create(key="POST", label="POSTAGE STAMP", kind="charge")
        Product.objects.create(key="3", label="WHATEVER")

        assert derive_families() == 0
        assert set(Product.objects.values_list("family", flat=True)) == {"China", ""}

    def test_it_can_be_repeated(self):
        Product.objects.create(key="1", label="BLUE MUG")
        derive_families()

        assert derive_families() == 0
        assert Product.objects.get().derived_fields == ["family"]
