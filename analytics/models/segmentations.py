"""Groups of customers found by k-means, beside the segments of the RFM map, day by day.

The pages and the API read three JSON fields; their shapes are written down in
``docs/metrics.md`` under "Segmentations" and in the docstrings of the classes here.
"""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from analytics.models.rfm import RfmRun
from crm_project.common.history import staff_history
from crm_project.common.models import DatabaseView
from customers.models import Customer

LONGEST_NAME = 120


class SegmentationQuerySet(models.QuerySet["Segmentation"]):
    def succeeded(self) -> Self:
        return self.filter(status=Segmentation.Status.SUCCEEDED)

    def kept(self) -> Self:
        """Segmentations whose members are still there, customer by customer."""
        return self.succeeded().filter(members_dropped_at__isnull=True)


class Segmentation(models.Model):
    """All customers in groups, in one way, as of the end of one local day.

    ``quality`` of a succeeded one (numbers are those of the clusters)::

        {"words": "4 groups: the best silhouette among …",
         "candidates": [{"k": 3, "silhouette": .41, "mean_jaccard": .9, "worst_jaccard": .8,
                         "stable": true}, …],                        # [] for rfm_map
         "silhouette": {"value": .41, "by_group": [{"number": 1, "value": .5}, …],
                        "sample": 4000, "customers": 1000000},       # value null: no meaning
         "stability": {"mean": .9, "worst": .7, "sample": 4000, "customers": 1000000,
                       "resamples": 100, "groups": [{"number": 1, "size": 1200, "jaccard": .93,
                       "word": "stable"}, …]}}     # word: stable, doubtful, unstable, unknown
    """

    class Kind(models.TextChoices):
        RFM_MAP = "rfm_map", "RFM segments"
        RFM = "rfm", "behaviour groups"
        TASTE = "taste", "taste groups"
        BOTH = "both", "behaviour and taste groups"

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        LEFT_OUT = "left_out", "left out"

    id = models.AutoField(primary_key=True)
    kind = models.CharField(max_length=7, choices=Kind)
    as_of = models.DateField(help_text="The groups describe the end of this local day.")
    time_zone = models.CharField(max_length=64, help_text="Where the local days are counted.")
    rfm_run = models.ForeignKey(
        RfmRun,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="segmentations",
        help_text="Where recency, frequency and money come from.",
    )
    k = models.PositiveSmallIntegerField(null=True, help_text="Number of groups.")
    seed = models.BigIntegerField(help_text="Same customers and same seed give the same groups.")
    customers = models.PositiveIntegerField(null=True, help_text="Customers in a group.")
    left_out = models.PositiveIntegerField(
        null=True, help_text="Customers with an order of whom too little is known to group them."
    )
    params = models.JSONField(
        default=dict, blank=True, help_text="Sample sizes, share of taste, what made the vectors."
    )
    quality = models.JSONField(default=dict, blank=True, help_text="How far to believe it.")
    timings = models.JSONField(default=dict, blank=True, help_text="Seconds by step.")
    status = models.CharField(max_length=9, choices=Status, default=Status.RUNNING)
    error = models.TextField(blank=True, help_text="Why it failed or was left out, in words.")
    is_current = models.BooleanField(default=False, help_text="What everybody sees, of its kind.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    members_dropped_at = models.DateTimeField(
        null=True, blank=True, help_text="When thinning removed the members."
    )

    objects = SegmentationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["rfm_map", "rfm", "taste", "both"]),
                name="segmentation_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["running", "succeeded", "failed", "left_out"]),
                name="segmentation_status_known",
            ),
            models.CheckConstraint(
                condition=Q(is_current=False)
                | Q(status="succeeded", members_dropped_at__isnull=True),
                name="segmentation_current_readable",
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(is_current=True),
                name="segmentation_one_current",
            ),
        ]
        indexes = [
            # Serves "the one before this one, of its kind".
            models.Index(fields=["kind", "-as_of", "-id"], name="segmentation_newest"),
        ]

    def __str__(self) -> str:
        # Not `capitalize`, which would make "Rfm" of "RFM".
        label = self.get_kind_display()
        return f"{label[:1].upper()}{label[1:]} as of {self.as_of:%Y-%m-%d}"


@staff_history(exclude=["evidence"])
class SegmentationCluster(models.Model):
    """One group: its number, its name, and the evidence for it.

    Numbers are matched to those of the segmentation before, so that group 3 stays group 3. Of
    kind ``rfm_map`` the number is that of the segment, and the name is the segment's.

    ``evidence``::

        {"share": .21,                                               # of all grouped customers
         "medians": {"recency_days": 12.0, "frequency": 5.0, "monetary": 410.5},
         "words": ["bought lately", "often", "high spend"],          # by the shop's quintiles
         "terms": [{"text": "riesling", "weight": .31, "share": .4}, …]}   # [] without taste
    """

    segmentation = models.ForeignKey(
        Segmentation, on_delete=models.CASCADE, related_name="clusters"
    )
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=LONGEST_NAME, help_text="What people read.")
    automatic_name = models.CharField(max_length=LONGEST_NAME, help_text="Made of the evidence.")
    named_by_person = models.BooleanField(default=False)
    former_name = models.CharField(
        max_length=LONGEST_NAME,
        blank=True,
        help_text="A person's name for this number that was not kept: the customers are others.",
    )
    size = models.PositiveIntegerField(help_text="Customers in it.")
    overlap = models.FloatField(
        null=True,
        blank=True,
        help_text="Jaccard similarity (0 to 1) with the same number of the segmentation before.",
    )
    evidence = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["segmentation", "number"]
        verbose_name = "cluster"
        constraints = [
            models.UniqueConstraint(
                fields=["segmentation", "number"], name="segmentation_cluster_once"
            ),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(automatic_name=""), name="segmentation_cluster_named"
            ),
            models.CheckConstraint(
                condition=Q(overlap__isnull=True) | Q(overlap__gte=0, overlap__lte=1),
                name="segmentation_cluster_overlap_is_share",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def in_doubt(self) -> bool:
        """A person had named this number, but its customers have become others."""
        return bool(self.former_name)


class SegmentationMember(DatabaseView):
    """The group of one customer in one segmentation: a row of the segmentation's partition.

    Never changed; the members of an old segmentation are dropped as a whole.
    """

    pk = models.CompositePrimaryKey("customer_id", "segmentation_id")
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    segmentation = models.ForeignKey(
        Segmentation, on_delete=models.DO_NOTHING, db_constraint=False, related_name="members"
    )
    number = models.SmallIntegerField(help_text="The cluster's number.")

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "analytics_segmentationmember"

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.number}"


class CurrentCluster(DatabaseView):
    """The group of one customer in the current segmentation of one kind."""

    pk = models.CompositePrimaryKey("customer_id", "kind")
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="clusters"
    )
    kind = models.CharField(max_length=7, choices=Segmentation.Kind)
    segmentation = models.ForeignKey(
        Segmentation, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    number = models.SmallIntegerField()
    cluster = models.ForeignKey(
        SegmentationCluster, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "analytics_currentcluster"

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class SegmentationComparison(models.Model):
    """Two segmentations of the same day side by side, and what each explains of later revenue.

    ``results`` (numbers of clusters; every share 0 to 1; None where nothing can be said)::

        {"customers": 990, "left_only": 10, "right_only": 0, "seed": 7,
         "contingency": {"rows": [{"number": 1, "name": "Champions", "size": 120}, …],
                         "columns": [{…}, …], "counts": [[80, 40], …],
                         "row_shares": [[.67, .33], …], "column_shares": [[.2, .1], …]},
         "agreement": {"adjusted_rand": .06, "mutual_information": .1, "cramers_v": .2},
         "left": {"kind": "rfm_map", "label": "RFM segments", "groups": 11,
                  "own_silhouette": {as quality.silhouette}|null,
                  "rfm_silhouette": {…}|null,
                  "stability": {as quality.stability, each group also with its "name"}|null},
         "right": {…},
         "purity": {"value": .4, "chance": .2, "neighbours": 10, "sample": 2000,
                    "pool": 50000}|null,
         "later": {"reason": "",              # set: why there is nothing (the window is not over)
                   "outcomes": [{"key": "revenue"|"conversion", "outcome": "revenue of …",
                                 "left": {"value": .1, "low": .05, "high": .14,
                                          "eta_squared": .11}|null,
                                 "right": {…}|null, "difference": {…}|null,
                                 "customers": 990, "resamples": 200, "reason": "",
                                 "words": "Of revenue in …"}, …]}}
    """

    left = models.ForeignKey(
        Segmentation, on_delete=models.CASCADE, related_name="comparisons_as_left"
    )
    right = models.ForeignKey(
        Segmentation, on_delete=models.CASCADE, related_name="comparisons_as_right"
    )
    as_of = models.DateField(help_text="The day that both segmentations describe.")
    later_days = models.PositiveSmallIntegerField(help_text="Length of the later window, in days.")
    later_since = models.DateField(help_text="First local day of the later window.")
    later_until = models.DateField(help_text="Last local day of the later window.")
    later_judged = models.BooleanField(
        default=False, help_text="Whether the window was over, and its orders were looked at."
    )
    judged = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The same comparison of an earlier day, whose window is over.",
    )
    results = models.JSONField(default=dict)
    verdict = models.TextField(help_text="What was found, in words with its numbers.")
    timings = models.JSONField(default=dict, blank=True, help_text="Seconds by step.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-as_of", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["left", "right"], name="comparison_once"),
            models.CheckConstraint(condition=~Q(left=models.F("right")), name="comparison_of_two"),
            models.CheckConstraint(
                condition=Q(later_since__gt=models.F("as_of"))
                & Q(later_until__gte=models.F("later_since")),
                name="comparison_window_is_later",
            ),
        ]
        indexes = [models.Index(fields=["-as_of", "-id"], name="comparison_newest")]

    def __str__(self) -> str:
        return f"{self.left} and {self.right}"
