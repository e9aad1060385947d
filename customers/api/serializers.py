from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from crm_project.common.api.serializers import MomentField, ObjectField, ResourceSerializer
from customers.models import Customer

_BIGGEST = 2**63 - 1


class CustomerSerializer(ResourceSerializer):
    """A customer. ``code`` is set once; old codes keep resolving as aliases."""

    code = serializers.CharField(
        max_length=64,
        validators=[RegexValidator(r"^[^\s/]([^/]*[^\s/])?$", "No spaces at the ends and no /.")],
        help_text="The customer's number in the shop. It never changes.",
    )
    telegram_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=_BIGGEST
    )
    registered_at = MomentField(required=False, allow_null=True)
    profile = ObjectField(required=False, help_text="Anything else known, as a JSON object.")
    contactable = serializers.BooleanField(read_only=True)
    not_contactable_reason = serializers.CharField(read_only=True)

    class Meta:
        model = Customer
        fields = [
            "id",
            "code",
            "name",
            "email",
            "phone",
            "telegram_id",
            "language",
            "country",
            "registered_at",
            "status",
            "is_test",
            "is_bounced",
            "is_optout",
            "contactable",
            "not_contactable_reason",
            "profile",
            "created_at",
            "updated_at",
            "change_reason",
        ]
        read_only_fields = ["id", "status", "created_at", "updated_at"]

    def validate_code(self, value: str) -> str:
        if isinstance(self.instance, Customer) and value != self.instance.code:
            raise serializers.ValidationError("The code of a customer never changes.", "immutable")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            attrs.pop("code", None)
        return attrs
