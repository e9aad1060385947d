"""The shape of labels that wait for a person, and of what is said about them."""

from typing import Any

from rest_framework import serializers

from crm_project.common.api.serializers import Sparse, StrictFields
from orders.models import LabelSuggestion, Product, ProductAlias
from orders.services.catalogue import RULES
from orders.services.label_decisions import MOST_AT_ONCE


class ProductKeyField(serializers.CharField):
    """The key of a product that exists."""

    def to_internal_value(self, data: Any) -> Any:
        key = super().to_internal_value(data)
        product = (
            None if "\x00" in key or len(key) > 64 else Product.objects.filter(key=key).first()
        )
        if product is None:
            raise serializers.ValidationError("There is no such product.", "does_not_exist")
        return product

    def to_representation(self, value: Any) -> Any:
        return value.key


class LabelSuggestionSerializer(Sparse, serializers.ModelSerializer[LabelSuggestion]):
    """A label, the product it may belong to, and what a person said about it."""

    product = serializers.CharField(
        source="product.key", default=None, allow_null=True, help_text="The proposed product's key."
    )
    product_label = serializers.CharField(source="product.label", default=None, allow_null=True)
    other = serializers.CharField(
        source="other.key",
        default=None,
        allow_null=True,
        help_text="The key of the product whose own label it is, where two products are alike.",
    )
    decided_by = serializers.CharField(
        source="decided_by.username", default=None, allow_null=True, help_text="Who decided."
    )

    class Meta:
        model = LabelSuggestion
        fields = ["id", "label", "origin", "source", "key", "seen", "other", "product",
                  "product_label", "similarity", "status", "batch", "decided_by", "decided_at",
                  "first_seen_at", "last_seen_at"]  # fmt: skip
        read_only_fields = fields


class AcceptSerializer(StrictFields):
    """What is meant. Empty: the product that is proposed."""

    product = ProductKeyField(
        required=False, help_text="The key of another product than the proposed one."
    )
    retire = serializers.BooleanField(
        default=False, help_text="Of two products alike, take the other one out of the offer."
    )


class DecideSerializer(StrictFields):
    """One decision about several labels; all of them or none."""

    decision = serializers.ChoiceField(choices=["accept", "reject", "reopen"])
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        min_length=1,
        max_length=MOST_AT_ONCE,
    )


class DecidedSerializer(serializers.Serializer[Any]):
    """What came of it."""

    suggestions = LabelSuggestionSerializer(many=True)
    batches = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Imports whose refused lines may be taken now: POST /imports/{id}/again.",
    )


class SuggestSerializer(StrictFields):
    alike = serializers.BooleanField(
        default=True, help_text="Also compare the products with each other."
    )
    dry_run = serializers.BooleanField(default=False, help_text="Count only; keep nothing.")


class DeriveSerializer(StrictFields):
    """Which rules; each fills empty fields only, and marks them as derived."""

    rules = serializers.ListField(
        child=serializers.ChoiceField(choices=list(RULES)),
        default=list,
        max_length=len(RULES),
        help_text="None: all of them.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Count only; keep nothing.")


class ProductAliasSerializer(StrictFields, Sparse, serializers.ModelSerializer[ProductAlias]):
    """Another label (or an old article number) under which lines of orders name a product."""

    label = serializers.CharField(max_length=300)  # type: ignore[assignment] # as for products
    product = ProductKeyField(help_text="The product's key.")

    class Meta:
        model = ProductAlias
        fields = ["id", "label", "product", "created_at"]
        read_only_fields = ["id", "created_at"]
