"""Names that people give to groups: kept, marked or refused, whatever is built later."""

import pytest
from django.apps import apps

from analytics.services import segmentation_store
from analytics.services.segmentation_names import rename_cluster
from crm_project.common.exceptions import CrmError
from tests.analytics.segmentation_support import built, shop

pytestmark = pytest.mark.django_db


class TestNames:
    def test_a_persons_name_survives_the_next_build_and_its_history_is_kept(self, admin_user):
        shop()
        cluster = built().clusters.get(number=1)
        rename_cluster(cluster_id=cluster.pk, name="  Our   regulars ", user=admin_user)

        after = built(seed=11).clusters.get(number=1)

        assert (after.name, after.named_by_person) == ("Our regulars", True)
        assert after.automatic_name == cluster.automatic_name
        assert after.overlap == 1.0
        event = apps.get_model("analytics.SegmentationClusterEvent").objects.get(pgh_label="update")
        assert (event.name, event.pgh_context.metadata["user"]) == ("Our regulars", admin_user.pk)

    def test_a_name_is_marked_and_not_kept_when_the_customers_are_others(self, monkeypatch):
        shop()
        cluster = built().clusters.get(number=1)
        rename_cluster(cluster_id=cluster.pk, name="Mine")
        monkeypatch.setattr(segmentation_store, "KEEPS_NAME", 1.1)

        after = built().clusters.get(number=1)

        assert (after.name, after.named_by_person) == (cluster.automatic_name, False)
        assert (after.former_name, after.in_doubt) == ("Mine", True)
        again = built().clusters.get(number=1)
        assert again.former_name == "Mine"
        assert not rename_cluster(cluster_id=again.pk, name="Others").in_doubt

    def test_an_empty_name_brings_the_automatic_one_back(self):
        shop()
        cluster = built().clusters.get(number=2)
        rename_cluster(cluster_id=cluster.pk, name="Mine")
        cluster = rename_cluster(cluster_id=cluster.pk, name=" ")
        assert (cluster.name, cluster.named_by_person) == (cluster.automatic_name, False)

    def test_an_automatic_name_gives_way_to_the_same_one_of_a_person(self):
        shop()
        first, second, third = built().clusters.order_by("number")
        rename_cluster(cluster_id=first.pk, name="For a moment")
        rename_cluster(cluster_id=second.pk, name=first.automatic_name)
        rename_cluster(cluster_id=first.pk, name="")
        names = [cluster.name for cluster in built().clusters.order_by("number")]
        assert names[1] == first.automatic_name
        assert names[0] == f"{first.automatic_name} (1)"
        assert names[2] == third.name

    @pytest.mark.parametrize("name", ["a\x00b", "x" * 121, "zero\u200bwidth", "\ud800"])
    def test_a_name_that_cannot_be_used_is_refused(self, name):
        shop()
        with pytest.raises(CrmError):
            rename_cluster(cluster_id=built().clusters.get(number=1).pk, name=name)

    def test_two_groups_cannot_have_one_name(self):
        shop()
        first, second, _ = built().clusters.order_by("number")
        with pytest.raises(CrmError, match="Group 2 has this name already"):
            rename_cluster(cluster_id=first.pk, name=second.name.upper())

    def test_segments_of_the_map_are_named_elsewhere(self):
        shop()
        cluster = built("rfm_map").clusters.first()
        with pytest.raises(CrmError, match="under Segments"):
            rename_cluster(cluster_id=cluster.pk, name="Mine")
