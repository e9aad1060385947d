"""What is computed from signals: counts by day, and what they say about a customer's interest.

None has foreign keys in the database: rows are derived, and written in sets by
``analytics.services.signal_reports`` only.
"""

from django.db import models

from customers.models import Customer


class SignalsByDay(models.Model):
    """One row per local day of the business and type of signal that occurred on it.

    Days stay when their signals have gone by retention.
    """

    day = models.DateField()
    event_type = models.CharField(max_length=50)
    signals = models.BigIntegerField()
    customers = models.BigIntegerField(help_text="Known customers with such a signal that day.")
    mean_score = models.DecimalField(max_digits=5, decimal_places=4)
    max_score = models.DecimalField(max_digits=3, decimal_places=2)

    class Meta:
        ordering = ["-day", "event_type"]
        verbose_name_plural = "signals by day"
        constraints = [
            models.UniqueConstraint(fields=["day", "event_type"], name="signals_by_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.event_type}: {self.signals}"


class CustomerSignalsByDay(models.Model):
    """One row per customer, local day and type of signal: their daily summary."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="signals_by_day",
    )
    day = models.DateField()
    event_type = models.CharField(max_length=50)
    signals = models.BigIntegerField()
    mean_score = models.DecimalField(max_digits=5, decimal_places=4)
    max_score = models.DecimalField(max_digits=3, decimal_places=2)

    class Meta:
        ordering = ["customer", "-day", "event_type"]
        verbose_name_plural = "customers' signals by day"
        constraints = [
            # Serves a customer's summary, too.
            models.UniqueConstraint(
                fields=["customer", "day", "event_type"], name="customer_signals_by_day_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.day} {self.event_type}: {self.signals}"


class SignalScore(models.Model):
    """What a customer's own signals say about their interest, as of a moment.

    The score is 1 - Π(1 - s·2^(-age/30 days)) over their signals; what we did (outreach) is left
    out. ``analytics.selectors.signal_scores.live_score`` computes the same for now.
    """

    customer = models.OneToOneField(
        Customer,
        primary_key=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="signal_score",
    )
    score = models.DecimalField(max_digits=5, decimal_places=4, help_text="0 to 1.")
    intent = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        help_text="The highest score of a signal of intent in the 14 days before; 0 without one.",
    )
    last_signal_at = models.DateTimeField()
    signals_90d = models.IntegerField(help_text="The customer's own signals in the 90 days before.")
    as_of = models.DateTimeField()

    class Meta:
        ordering = ["-score", "customer"]
        verbose_name = "signal score"
        indexes = [
            # Serves lists of the most interested.
            models.Index(fields=["-score", "customer"], name="signal_score_highest"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.score}"


class SearchWord(models.Model):
    """A word that occurs in what can be searched: what a mistyped word is compared with.

    Counts are of rows seen with it, for choosing among similar words; they never shrink, except
    when the words of customers and products are gathered anew.
    """

    word = models.CharField(max_length=40, primary_key=True)
    customers = models.BigIntegerField(default=0, db_default=0)
    products = models.BigIntegerField(default=0, db_default=0)
    signals = models.BigIntegerField(default=0, db_default=0)
    seen_at = models.DateTimeField(help_text="When a signal with it was last gathered.")

    class Meta:
        ordering = ["word"]
        verbose_name = "search word"

    def __str__(self) -> str:
        return self.word
