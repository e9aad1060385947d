"""What each customer bought so far, kept exact by triggers on the orders."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from customers.models import Customer


class CustomerTotals(models.Model):
    """One narrow row per customer with orders. Written by the database only.

    Counted: orders whose status is paid or fulfilled. ``order_count`` and both dates look at
    sales; returns lower the money, never the count. The table keeps 30 % of each page free and has
    no index besides its key, so that an update stays on its page.
    """

    customer = models.OneToOneField(
        Customer, primary_key=True, on_delete=models.CASCADE, related_name="totals"
    )
    first_order_at = models.DateTimeField(null=True)
    last_order_at = models.DateTimeField(null=True)
    order_count = models.PositiveIntegerField(default=0, db_default=0)
    sales_total = models.DecimalField(max_digits=14, decimal_places=2, default=0, db_default=0)
    returns_total = models.DecimalField(max_digits=14, decimal_places=2, default=0, db_default=0)

    class Meta:
        verbose_name_plural = "customer totals"
        constraints = [
            models.CheckConstraint(
                condition=Q(sales_total__gte=0, returns_total__gte=0), name="totals_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.order_count} orders"

    @property
    def net_total(self) -> Decimal:
        """Sales less returns."""
        return self.sales_total - self.returns_total
