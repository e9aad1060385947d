"""What the dashboard and BI tools read: materialized views, refreshed after each run."""

from django.db import models

from analytics.models.rfm import RfmRun
from analytics.models.segments import Segment
from crm_project.common.models import DatabaseView


class SegmentSummary(DatabaseView):
    """One row per segment of the current run (prospects, who have no scores, are not in it)."""

    segment = models.OneToOneField(
        Segment,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="summary",
    )
    run = models.ForeignKey(
        RfmRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    customers = models.IntegerField()
    net_total = models.DecimalField(max_digits=16, decimal_places=2)
    median_recency_days = models.IntegerField()
    median_frequency = models.IntegerField()
    median_monetary = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "analytics_segmentsummary"
        verbose_name_plural = "segment summary"


class RfmGrid(DatabaseView):
    """One row per score code of the current run that has customers."""

    code = models.CharField(max_length=3, primary_key=True)
    run = models.ForeignKey(
        RfmRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    r = models.SmallIntegerField()
    f = models.SmallIntegerField()
    m = models.SmallIntegerField()
    segment = models.ForeignKey(
        Segment, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    customers = models.IntegerField()
    net_total = models.DecimalField(max_digits=16, decimal_places=2)

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "analytics_rfmgrid"


class RevenueByMonth(DatabaseView):
    """One row per local month of the business with a counted order, and currency."""

    id = models.CharField(max_length=11, primary_key=True, help_text="Like 2011-09-GBP.")
    month = models.DateField(help_text="Its first day.")
    currency = models.CharField(max_length=3)
    orders = models.IntegerField(help_text="Sales.")
    customers = models.IntegerField(help_text="Customers with a sale.")
    sales_total = models.DecimalField(max_digits=16, decimal_places=2)
    returns_total = models.DecimalField(max_digits=16, decimal_places=2)
    net_total = models.DecimalField(max_digits=16, decimal_places=2)

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "analytics_revenuebymonth"
        ordering = ["-month", "currency"]
        verbose_name_plural = "revenue by month"
