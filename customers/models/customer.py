"""Who the customers are. What they ordered lives one app higher."""

from typing import Self

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Concat, Lower, NullIf, Trim

from crm_project.common.history import staff_history
from crm_project.common.models import TimeStamped


class CustomerQuerySet(models.QuerySet["Customer"]):
    def contactable(self) -> Self:
        """Customers whom no flag forbids to write to (consent and silence come on top)."""
        return self.filter(contactable=True)

    def search(self, text: str) -> Self:
        """Customers whose code, name or e-mail contains every word of ``text``."""
        found = self
        for word in text.lower().split():
            found = found.filter(search_text__contains=word)
        return found


@staff_history(
    exclude=[
        "created_at",
        "updated_at",
        "search_text",
        "email_normalized",
        "contactable",
        "not_contactable_reason",
    ]
)
class Customer(TimeStamped):
    """A person or company that buys, or may buy."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        MERGED = "merged", "merged into another"
        DELETED = "deleted"

    code = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"^\S(.*\S)?$", "No spaces at the beginning or the end.")],
        help_text="The customer's number in the shop. Never changes; old codes become aliases.",
    )
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(max_length=254, blank=True)
    email_normalized = models.GeneratedField(
        expression=NullIf(Lower(Trim("email")), Value("")),
        output_field=models.CharField(max_length=254, null=True),
        db_persist=True,
    )
    phone = models.CharField(
        max_length=16,
        blank=True,
        validators=[RegexValidator(r"^\+[1-9]\d{6,14}$", "Use the form +441234567890 (E.164).")],
        help_text="In the international form +441234567890.",
    )
    telegram_id = models.BigIntegerField(null=True, blank=True, unique=True)
    language = models.CharField(max_length=10, blank=True, help_text="Like en or fr-CA.")
    country = models.CharField(max_length=80, blank=True, help_text="As the shop writes it.")
    registered_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(
        max_length=10, choices=Status, default=Status.ACTIVE, db_default="active"
    )
    is_test = models.BooleanField(default=False, db_default=False, help_text="Nobody real.")
    is_bounced = models.BooleanField(
        default=False, db_default=False, help_text="Mail to the address came back for good."
    )
    is_optout = models.BooleanField(
        default=False, db_default=False, help_text="Asked not to be contacted."
    )
    contactable = models.GeneratedField(
        expression=Case(
            When(
                Q(status="active", is_test=False, is_bounced=False, is_optout=False),
                then=Value(True),
            ),
            default=Value(False),
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    not_contactable_reason = models.GeneratedField(
        expression=Case(
            When(~Q(status="active"), then=Value("MERGED_OR_DELETED")),
            When(is_test=True, then=Value("TEST_ACCOUNT")),
            When(is_optout=True, then=Value("OPT_OUT")),
            When(is_bounced=True, then=Value("BOUNCED")),
            default=Value(""),
        ),
        output_field=models.CharField(max_length=20),
        db_persist=True,
    )
    profile = models.JSONField(default=dict, blank=True, db_default={})
    search_text = models.GeneratedField(
        expression=Lower(
            Concat("code", Value(" "), "name", Value(" "), "email", output_field=models.TextField())
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["active", "merged", "deleted"]),
                name="customer_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(code="") & Q(code=Trim(F("code"))), name="customer_code_trimmed"
            ),
            models.CheckConstraint(
                condition=Q(phone="") | Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="customer_phone_e164",
            ),
        ]
        indexes = [
            # Serves search by code, name or e-mail in the admin and the API.
            GinIndex(OpClass("search_text", name="gin_trgm_ops"), name="customer_search"),
            # Serves look-up by address: imports, duplicates, bounces.
            models.Index(
                fields=["email_normalized"],
                name="customer_email",
                condition=Q(email_normalized__isnull=False),
            ),
            # Serves filters on profile attributes (seed 003, idx_users_profile_data_gin).
            GinIndex(OpClass("profile", name="jsonb_path_ops"), name="customer_profile"),
            # Serves the admin's country filter.
            models.Index(fields=["country", "code"], name="customer_country"),
            # Serves scoring: the few whom it leaves out, without reading everybody.
            models.Index(
                fields=["id"],
                name="customer_not_scored",
                condition=Q(is_test=True) | ~Q(status="active"),
            ),
            # Serves modified_since in the API.
            models.Index(fields=["updated_at", "id"], name="customer_modified"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})" if self.name else self.code


class CustomerAlias(models.Model):
    """A code that once named a customer and still resolves to them."""

    code = models.CharField(max_length=64, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="aliases")
    reason = models.CharField(max_length=200, blank=True, help_text="Like merged or renumbered.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["code"]
        verbose_name_plural = "customer aliases"

    def __str__(self) -> str:
        return f"{self.code} → {self.customer_id}"
