from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from crm_project.common.api.serializers import (
    MomentField,
    ObjectField,
    ReasonField,
    ResourceSerializer,
    Sparse,
    StrictFields,
)
from customers.selectors.customers import by_code
from orders.models import Order, OrderItem, Product
from orders.models.product import AROMA_AXES
from orders.services.orders import Line

MAX_ITEMS = 1000
_INT = 2**31 - 1
_NO_SLASH = RegexValidator(r"^[^\s/]([^/]*[^\s/])?$", "No spaces at the ends and no /.")


class ProductSerializer(ResourceSerializer):
    """An article, or a charge such as postage. Taste fields are null where the shop has none."""

    key = serializers.CharField(
        max_length=64, validators=[_NO_SLASH], help_text="The article number. It never changes."
    )
    price = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=Decimal(0), required=False, allow_null=True
    )
    unit_cost = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=Decimal(0), required=False, allow_null=True
    )
    premium_tier = serializers.IntegerField(
        min_value=0, max_value=3, required=False, allow_null=True
    )
    stock = serializers.IntegerField(
        min_value=-_INT, max_value=_INT, required=False, allow_null=True
    )
    season_tags = serializers.ListField(
        child=serializers.CharField(max_length=30), required=False, max_length=20
    )
    attributes = ObjectField(required=False, help_text="Anything else, as a JSON object.")

    class Meta:
        model = Product
        fields = [
            "id",
            "key",
            "label",
            "kind",
            "category",
            "family",
            "grape",
            "sugar_level",
            "price",
            "unit_cost",
            "price_band",
            "premium_tier",
            *(f"aroma_{axis}" for axis in AROMA_AXES),
            "season_tags",
            "stock",
            "is_active",
            "popularity",
            "derived_fields",
            "attributes",
            "created_at",
            "updated_at",
            "change_reason",
        ]
        read_only_fields = ["id", "popularity", "derived_fields", "created_at", "updated_at"]

    def validate_key(self, value: str) -> str:
        if isinstance(self.instance, Product) and value != self.instance.key:
            raise serializers.ValidationError("The key of a product never changes.", "immutable")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            attrs.pop("key", None)
        return attrs


class ItemSerializer(serializers.ModelSerializer[OrderItem]):
    """A line of an order as it is read."""

    product = serializers.CharField(source="product.key", help_text="The product's key.")
    label = serializers.CharField(source="product.label")  # type: ignore[assignment]

    class Meta:
        model = OrderItem
        fields = [
            "ordinal",
            "product",
            "label",
            "quantity",
            "unit_price",
            "discount_amount",
            "tax_amount",
            "net_amount",
        ]
        read_only_fields = fields


class OrderSerializer(Sparse, serializers.ModelSerializer[Order]):
    """An invoice or credit note with its lines. ``kind`` says which way the amounts go."""

    customer = serializers.CharField(
        source="customer.code", default=None, allow_null=True, help_text="The customer's code."
    )
    items = ItemSerializer(many=True)

    class Meta:
        model = Order
        fields = [
            "id",
            "source",
            "number",
            "customer",
            "ordered_at",
            "kind",
            "status",
            "currency",
            "net_amount",
            "gross_amount",
            "channel",
            "items",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class LineSerializer(StrictFields):
    """A line on its way in."""

    product = serializers.CharField(max_length=64, help_text="The product's key.")
    quantity = serializers.DecimalField(
        max_digits=14, decimal_places=3, min_value=Decimal("0.001"), help_text="Always positive."
    )
    unit_price = serializers.DecimalField(
        max_digits=14, decimal_places=4, min_value=Decimal(0), help_text="Without tax."
    )
    discount_amount = serializers.DecimalField(
        max_digits=14, decimal_places=4, min_value=Decimal(0), default=Decimal(0)
    )
    tax_amount = serializers.DecimalField(
        max_digits=14, decimal_places=4, min_value=Decimal(0), default=Decimal(0)
    )


class OrderPatchSerializer(StrictFields):
    """What may change in an order. ``items`` replaces all of its lines."""

    customer = serializers.CharField(
        max_length=64, required=False, allow_null=True, help_text="The customer's code."
    )
    status = serializers.ChoiceField(choices=Order.Status.choices, required=False)
    channel = serializers.CharField(max_length=30, required=False, allow_blank=True)
    items = serializers.ListField(child=LineSerializer(), required=False, max_length=MAX_ITEMS)
    change_reason = ReasonField()

    def validate_customer(self, value: str | None) -> Any:
        customer = by_code(value) if value is not None else None
        if value is not None and customer is None:
            raise serializers.ValidationError("There is no such customer.", "does_not_exist")
        return customer

    def validate_items(self, value: Sequence[dict[str, Any]]) -> list[Line]:
        products = Product.objects.in_bulk({row["product"] for row in value}, field_name="key")
        unknown = [n for n, row in enumerate(value) if row["product"] not in products]
        if unknown:
            error = ErrorDetail("There is no such product.", "does_not_exist")
            raise serializers.ValidationError({str(n): {"product": [error]} for n in unknown})
        return [Line(**{**row, "product": products[row["product"]]}) for row in value]


class OrderCreateSerializer(OrderPatchSerializer):
    """A new order. Its amounts are the sums of its lines."""

    source = serializers.CharField(  # type: ignore[assignment] # a field named like an argument
        max_length=50, help_text="The system that gave the number."
    )
    number = serializers.CharField(max_length=64, help_text="Unique within its source.")
    ordered_at = MomentField()
    kind = serializers.ChoiceField(choices=Order.Kind.choices, required=False)
    currency = serializers.RegexField(
        r"^[A-Z]{3}\Z", required=False, help_text="ISO 4217; the shop's own unless given."
    )
    items = serializers.ListField(child=LineSerializer(), allow_empty=False, max_length=MAX_ITEMS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("currency", settings.CRM_CURRENCY)
        return attrs
