"""A person accepts or rejects a label; what was said is kept."""

import pytest

from crm_project.common.exceptions import ConflictError, CrmError
from orders.models import LabelSuggestion, ProductAlias
from orders.services.label_decisions import accept, reject, reopen
from orders.services.label_queue import Label, queue_labels, suggest_aliases
from tests.factories import (
    ImportBatchFactory,
    LabelSuggestionFactory,
    ProductAliasFactory,
    ProductFactory,
)

pytestmark = pytest.mark.django_db


class TestAccept:
    def test_the_label_becomes_an_alias_and_the_import_is_named(self, admin_user):
        one = LabelSuggestionFactory(label=" Riesling  Dry ", batch=ImportBatchFactory())

        found = accept(ids=[one.pk], user=admin_user)

        one.refresh_from_db()
        assert ProductAlias.objects.get(normalized_label="riesling  dry").product == one.product
        assert (one.status, one.decided_by) == ("accepted", admin_user)
        assert one.decided_at
        assert found.batches == [one.batch_id]

    def test_another_product_may_be_meant_and_a_double_may_be_retired(self, admin_user):
        meant = ProductFactory()
        double = ProductFactory(label="Twice")
        one = LabelSuggestionFactory(label="Twice", other=double, origin="scan")

        accept(ids=[one.pk], user=admin_user, product=meant, retire=True)

        double.refresh_from_db()
        assert ProductAlias.objects.get().product == meant
        assert not double.is_active

    def test_all_or_none(self, admin_user):
        good, bare = LabelSuggestionFactory(), LabelSuggestionFactory(product=None)

        with pytest.raises(CrmError, match="say which one is meant"):
            accept(ids=[good.pk, bare.pk], user=admin_user)

        assert not ProductAlias.objects.exists()

    def test_what_cannot_be_is_refused_in_words(self, admin_user):
        done = LabelSuggestionFactory()
        accept(ids=[done.pk], user=admin_user)
        taken = LabelSuggestionFactory(label="Taken")
        ProductAliasFactory(label="taken")
        own = LabelSuggestionFactory(other=ProductFactory(), origin="scan")

        with pytest.raises(ConflictError, match="accepted already"):
            accept(ids=[done.pk], user=admin_user)
        with pytest.raises(ConflictError, match="is an alias of"):
            accept(ids=[taken.pk], user=admin_user)
        with pytest.raises(CrmError, match="own label"):
            accept(ids=[own.pk], user=admin_user, product=own.other)
        with pytest.raises(CrmError, match="no longer exists"):
            reject(ids=[0], user=admin_user)
        with pytest.raises(CrmError, match="Choose 1 to"):
            reject(ids=[], user=admin_user)


class TestReject:
    def test_it_is_remembered_until_something_more_alike_comes(self, admin_user):
        far = ProductFactory(label="Riesling from the hill")
        queue_labels(labels=[Label("Riesling dry hill", lines=3)])
        one = LabelSuggestion.objects.get()
        assert one.product == far
        reject(ids=[one.pk], user=admin_user)

        queue_labels(labels=[Label("Riesling dry hill", lines=9)])
        one.refresh_from_db()
        assert (one.status, one.rejected_products) == ("rejected", [far.pk])

        nearer = ProductFactory(label="Riesling dry hills")
        queue_labels(labels=[Label("Riesling dry hill", lines=9)])
        one.refresh_from_db()
        assert (one.status, one.product, one.decided_at) == ("pending", nearer, None)

        reject(ids=[one.pk], user=admin_user)
        queue_labels(labels=[Label("Riesling dry hill", lines=9)])
        one.refresh_from_db()
        assert one.status == "rejected"
        assert set(one.rejected_products) == {far.pk, nearer.pk}

    def test_a_rejected_pair_of_products_is_not_proposed_again(self, admin_user):
        ProductFactory.create_batch(2, label="The same")
        suggest_aliases()
        reject(ids=[LabelSuggestion.objects.get().pk], user=admin_user)

        assert suggest_aliases().alike == 0
        assert LabelSuggestion.objects.get().status == "rejected"

    def test_it_can_be_opened_again_an_accepted_one_cannot(self, admin_user):
        one, other = LabelSuggestionFactory(), LabelSuggestionFactory()
        reject(ids=[one.pk], user=admin_user)
        accept(ids=[other.pk], user=admin_user)

        reopen(ids=[one.pk])

        one.refresh_from_db()
        assert (one.status, one.rejected_products) == ("pending", [])
        with pytest.raises(ConflictError, match="only a rejected label"):
            reopen(ids=[other.pk])

    def test_a_label_whose_alias_was_deleted_waits_again_when_it_comes_in(self, admin_user):
        one = LabelSuggestionFactory(label="Gone")
        accept(ids=[one.pk], user=admin_user)
        ProductAlias.objects.all().delete()

        queue_labels(labels=[Label("gone", lines=1)], batch_id=ImportBatchFactory().pk)

        one.refresh_from_db()
        assert (one.status, one.decided_by) == ("pending", None)
