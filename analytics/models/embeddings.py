"""Vectors of what customers like and what products are, and the models that made them."""

from collections.abc import Mapping
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Q, When
from django.db.models.functions import Now
from pgvector.django import VectorField

from analytics.embeddings.base import Provider
from analytics.embeddings.registry import PROVIDERS, provider_named
from customers.models import Customer
from orders.models import Product

EXTERNAL = "external"
"""The provider of vectors that another system computes and sends."""


class EmbeddingModelQuerySet(models.QuerySet["EmbeddingModel"]):
    def current(self) -> Self:
        return self.filter(is_current=True)

    def targets(self) -> Self:
        """The model that is being filled, before the one that serves: what to embed for."""
        building = When(status=EmbeddingModel.Status.BUILDING, then=0)
        return self.filter(Q(is_current=True) | Q(status=EmbeddingModel.Status.BUILDING)).order_by(
            Case(building, default=1)
        )


class EmbeddingModel(models.Model):
    """What turns texts into vectors. Vectors of two models are never compared.

    A new model is filled while the current one serves; then both change places in one transaction.
    """

    class ProviderName(models.TextChoices):
        LOCAL = "local", "local (words and pairs, no network)"
        OPENAI = "openai", "a service that speaks the OpenAI API"
        EXTERNAL = EXTERNAL, "another system, which sends the vectors"

    class Status(models.TextChoices):
        BUILDING = "building", "being filled"
        READY = "ready"
        RETIRED = "retired"
        FAILED = "failed"

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=100)
    provider = models.CharField(max_length=10, choices=ProviderName)
    dimension = models.PositiveIntegerField(help_text="Numbers per vector.")
    params = models.JSONField(
        default=dict, blank=True, help_text="What the provider was set up with; never a key."
    )
    artefact = models.BinaryField(null=True, blank=True, help_text="What it learned from texts.")
    template = models.CharField(max_length=20, help_text="The template of the texts it learned.")
    status = models.CharField(max_length=8, choices=Status, default=Status.BUILDING)
    is_current = models.BooleanField(default=False, help_text="What everybody sees.")
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was made.")
    error = models.CharField(max_length=300, blank=True, help_text="What is wrong, in words.")
    fitted_on = models.PositiveIntegerField(default=0, help_text="Texts it learned from.")
    fitted_at = models.DateTimeField(null=True, blank=True)
    written = models.PositiveIntegerField(
        default=0, help_text="Vectors made since it became current: new and changed texts."
    )
    surveyed_up_to = models.BigIntegerField(
        default=0, help_text="Customers with a greater key have not been looked at yet."
    )
    indexed_at = models.DateTimeField(null=True, blank=True, help_text="When its index was built.")
    activated_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(
        null=True, blank=True, help_text="When its vectors were removed."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = EmbeddingModelQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(provider__in=[*PROVIDERS, EXTERNAL]),
                name="embedding_model_provider_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["building", "ready", "retired", "failed"]),
                name="embedding_model_status_known",
            ),
            models.CheckConstraint(
                condition=Q(dimension__range=(1, 16_000)), name="embedding_model_dimension"
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(status="ready", dropped_at__isnull=True),
                name="embedding_model_current_is_ready",
            ),
            models.UniqueConstraint(
                fields=["is_current"],
                condition=Q(is_current=True),
                name="embedding_model_one_current",
            ),
            models.UniqueConstraint(
                fields=["status"],
                condition=Q(status="building"),
                name="embedding_model_one_building",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (model {self.pk})"

    def open(self, *, key: str = "", extra: Mapping[str, Any] | None = None) -> Provider:
        """Return the provider with what it learned; ``extra`` changes no vector (patience, price).

        Raises:
            EmbeddingError: parameters that no longer fit, a damaged artefact, or the provider
                ``external``, whose vectors come from elsewhere.
        """
        provider = provider_named(self.provider, {**self.params, **(extra or {})}, key=key)
        return provider if self.artefact is None else provider.restored(bytes(self.artefact))


class _Embedding(models.Model):
    """One vector of one model. The texts are not kept: they are written anew from the data."""

    class Status(models.TextChoices):
        PENDING = "pending", "waits for its first vector"
        DONE = "done"
        STALE = "stale", "the text has changed since; the old vector serves"
        FAILED = "failed"
        EMPTY = "empty", "nothing is known that could be embedded"

    status = models.CharField(
        max_length=7, choices=Status, default=Status.PENDING, db_default="pending"
    )
    text_sha256 = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        help_text="Of the text that the vector stands for.",
    )
    template_version = models.CharField(max_length=20, blank=True, db_default="")
    vector = VectorField(null=True, blank=True)
    embedded_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(
        null=True, blank=True, help_text="The data behind the text were read as of this moment."
    )
    error = models.CharField(max_length=300, blank=True, db_default="")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "done", "stale", "failed", "empty"]),
                name="%(class)s_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["done", "stale"])
                | Q(vector__isnull=False, embedded_at__isnull=False),
                name="%(class)s_done_has_vector",
            ),
        ]


class CustomerEmbedding(_Embedding):
    """What one customer likes, as a vector of one model.

    No foreign keys in the database: a check of each of a million rows costs more than writing it.
    """

    customer = models.ForeignKey(
        Customer,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="embeddings",
    )
    model = models.ForeignKey(
        EmbeddingModel,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="customer_embeddings",
    )

    class Meta(_Embedding.Meta):
        abstract = False
        constraints = [
            *_Embedding.Meta.constraints,
            models.UniqueConstraint(fields=["customer", "model"], name="customer_embedding_once"),
        ]
        indexes = [
            # Serves the queue of what waits, and the list of it in the API.
            models.Index(
                fields=["model", "customer"],
                name="customer_embedding_waiting",
                condition=Q(status__in=["pending", "stale", "failed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Customer {self.customer_id}, model {self.model_id}: {self.status}"


class ProductEmbedding(_Embedding):
    """What one product is like, as a vector in the space of the customers'."""

    product = models.ForeignKey(
        Product,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="embeddings",
    )
    model = models.ForeignKey(
        EmbeddingModel,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="product_embeddings",
    )

    class Meta(_Embedding.Meta):
        abstract = False
        constraints = [
            *_Embedding.Meta.constraints,
            models.UniqueConstraint(fields=["product", "model"], name="product_embedding_once"),
        ]
        indexes = [
            # Serves the queue of what waits.
            models.Index(
                fields=["model", "product"],
                name="product_embedding_waiting",
                condition=Q(status__in=["pending", "stale", "failed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Product {self.product_id}, model {self.model_id}: {self.status}"
