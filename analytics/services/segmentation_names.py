"""Let people call a group what they like."""

import unicodedata
from typing import Any

import pghistory
from django.db import transaction

from analytics.models import Segmentation, SegmentationCluster
from analytics.models.segmentations import LONGEST_NAME
from crm_project.common.exceptions import CrmError


@transaction.atomic
def rename_cluster(*, cluster_id: int, name: str, user: Any = None) -> SegmentationCluster:
    """Give a group a name of one's own; an empty one brings the automatic name back.

    The name stays with the number in later segmentations while the customers stay alike. Who
    changed what is kept in the history.

    Raises ``CrmError`` for a name that cannot be used, and for segments of the RFM map: those are
    named in the segment map.
    """
    # One at a time per segmentation, so that two people cannot give the same name at once.
    cluster = SegmentationCluster.objects.select_related("segmentation").get(pk=cluster_id)
    rows = {
        row.pk: row
        for row in SegmentationCluster.objects.select_for_update()
        .filter(segmentation=cluster.segmentation)
        .order_by("number")
    }
    if cluster.segmentation.kind == Segmentation.Kind.RFM_MAP:
        raise CrmError("Segments of the RFM map are renamed under Segments.")
    cluster = rows.pop(cluster_id)
    wanted = _checked(name)
    others = {row.name.casefold(): row.number for row in rows.values()}
    if wanted.casefold() in others:
        raise CrmError(f"Group {others[wanted.casefold()]} has this name already.")
    cluster.name = wanted or cluster.automatic_name
    cluster.named_by_person = bool(wanted)
    cluster.former_name = ""
    context = {"user": user.pk} if user is not None else {}
    with pghistory.context(**context):
        cluster.save(update_fields=["name", "named_by_person", "former_name"])
    return cluster


def _checked(name: str) -> str:
    wanted = " ".join(name.split())
    if any(unicodedata.category(sign).startswith("C") for sign in wanted):
        raise CrmError("A name cannot hold invisible signs.")
    if len(wanted) > LONGEST_NAME:
        raise CrmError(f"A name has at most {LONGEST_NAME} signs.")
    return wanted
