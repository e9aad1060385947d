from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters.rest_framework import filters, filterset

from crm_project.common.api.flags import FlagFilter
from crm_project.common.api.moments import MomentFilter
from customers.models import Channel, Consent, ContactBlock, ContactEvent, Customer, Purpose
from customers.models.customer import CustomerQuerySet
from customers.selectors.customers import by_code


class CustomerFilter(filterset.FilterSet):
    """Filters of the customer list. Deleted customers are left out unless they are asked for."""

    q = filters.CharFilter(
        method="filter_q", label="Words that code, name or e-mail contain.", max_length=200
    )
    code = filters.CharFilter(label="Exactly this code.")
    email = filters.CharFilter(method="filter_email", label="Exactly this address, any case.")
    country = filters.CharFilter(label="Exactly this country.")
    language = filters.CharFilter(label="Exactly this language.")
    status = filters.ChoiceFilter(choices=Customer.Status.choices, label="This status only.")
    include_deleted = FlagFilter(
        method="filter_nothing", label="Deleted customers as well; use it with modified_since."
    )
    contactable = FlagFilter(label="No flag forbids to write to them.")
    is_test = FlagFilter(label="Nobody real.")
    is_bounced = FlagFilter(label="Mail came back for good.")
    is_optout = FlagFilter(label="Asked not to be contacted.")
    modified_since = MomentFilter(
        field_name="updated_at",
        lookup_expr="gte",
        label="Changed at or after this time: the X-Server-Time of an earlier answer.",
    )

    def filter_q(self, rows: CustomerQuerySet, name: str, value: str) -> CustomerQuerySet:
        return rows.search(value)

    def filter_email(self, rows: CustomerQuerySet, name: str, value: str) -> CustomerQuerySet:
        return rows.filter(email_normalized=value.strip().lower())

    def filter_nothing(self, rows: CustomerQuerySet, name: str, value: bool) -> CustomerQuerySet:
        return rows

    def filter_queryset(self, queryset: Any) -> Any:
        found = super().filter_queryset(queryset)  # type: ignore[no-untyped-call]
        asked = self.form.cleaned_data
        if asked.get("status") or asked.get("include_deleted"):
            return found
        return found.exclude(status=Customer.Status.DELETED)


class ContactFilter(filterset.FilterSet):
    """Filters of the contact list."""

    customer = filters.CharFilter(method="filter_customer", label="The customer's code.")
    campaign = filters.CharFilter(field_name="campaign__code", label="The campaign's code.")
    external_id = filters.CharFilter(label="Exactly this id of the sender.")
    channel = filters.ChoiceFilter(choices=Channel.choices, label="This channel only.")
    direction = filters.ChoiceFilter(
        choices=ContactEvent.Direction.choices, label="From us (outbound) or to us (inbound)."
    )
    purpose = filters.ChoiceFilter(choices=Purpose.choices, label="Marketing or transactional.")
    status = filters.ChoiceFilter(choices=ContactEvent.Status.choices, label="This status only.")
    occurred_after = MomentFilter(
        field_name="occurred_at", lookup_expr="gte", label="At or after this time."
    )
    occurred_before = MomentFilter(
        field_name="occurred_at", lookup_expr="lt", label="Before this time."
    )

    def filter_customer(
        self, rows: QuerySet[ContactEvent], name: str, value: str
    ) -> QuerySet[ContactEvent]:
        customer = by_code(value)
        return rows.filter(customer=customer) if customer else rows.none()


class CampaignFilter(filterset.FilterSet):
    """Filters of the campaign list."""

    channel = filters.ChoiceFilter(choices=Channel.choices, label="This channel only.")
    purpose = filters.ChoiceFilter(choices=Purpose.choices, label="Marketing or transactional.")
    starts_after = MomentFilter(
        field_name="starts_at", lookup_expr="gte", label="At or after this time."
    )
    starts_before = MomentFilter(
        field_name="starts_at", lookup_expr="lt", label="Before this time."
    )


class ConsentFilter(filterset.FilterSet):
    """Filters of the list of consents."""

    customer = filters.CharFilter(method="filter_customer", label="The customer's code.")
    channel = filters.ChoiceFilter(choices=Channel.choices, label="This channel only.")
    purpose = filters.ChoiceFilter(choices=Purpose.choices, label="Marketing or transactional.")
    status = filters.ChoiceFilter(choices=Consent.Status.choices, label="This status only.")

    def filter_customer(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        customer = by_code(value)
        return rows.filter(customer=customer) if customer else rows.none()


class BlockFilter(filterset.FilterSet):
    """Filters of the list of opt-outs, bounces and pauses."""

    customer = filters.CharFilter(method="filter_customer", label="The customer's code.")
    channel = filters.ChoiceFilter(choices=Channel.choices, label="This channel only.")
    kind = filters.ChoiceFilter(choices=ContactBlock.Kind.choices, label="This kind only.")
    active = FlagFilter(method="filter_active", label="In force now, or not.")

    def filter_customer(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        customer = by_code(value)
        return rows.filter(customer=customer) if customer else rows.none()

    def filter_active(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        now = timezone.now()
        in_force = Q(since__lte=now) & (Q(until=None) | Q(until__gt=now))
        return rows.filter(in_force if value else ~in_force)
