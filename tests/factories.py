"""One factory per model. Amounts of an order follow from its items, as a real one's would."""

from datetime import timedelta
from decimal import Decimal
from functools import cache

import factory
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from factory.django import DjangoModelFactory

from crm_project.common.models import Job, RefreshState, User
from customers.models import (
    Campaign,
    Consent,
    ContactBlock,
    ContactEvent,
    Customer,
    CustomerAlias,
    ImportBatch,
    RefusedRow,
)
from orders.models import LabelSuggestion, Order, OrderItem, Product, ProductAlias

PASSWORD = "a long password for tests"


@cache
def hashed(password):
    """Hash a password as real ones are: once, because it takes a third of a second."""
    return make_password(password)


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.LazyFunction(lambda: hashed(PASSWORD))

    class Params:
        staff = factory.Trait(is_staff=True)
        admin = factory.Trait(is_staff=True, is_superuser=True)


class JobFactory(DjangoModelFactory):
    class Meta:
        model = Job

    kind = "test"


class RefreshStateFactory(DjangoModelFactory):
    class Meta:
        model = RefreshState

    name = "rfm"
    started_at = factory.LazyFunction(timezone.now)


class CustomerFactory(DjangoModelFactory):
    class Meta:
        model = Customer

    code = factory.Sequence(lambda n: f"C{n:05}")
    name = factory.Sequence(lambda n: f"Customer {n}")
    email = factory.LazyAttribute(lambda customer: f"{customer.code.lower()}@example.org")
    country = "United Kingdom"


class CustomerAliasFactory(DjangoModelFactory):
    class Meta:
        model = CustomerAlias

    code = factory.Sequence(lambda n: f"OLD{n:05}")
    customer = factory.SubFactory(CustomerFactory)


class CampaignFactory(DjangoModelFactory):
    class Meta:
        model = Campaign

    code = factory.Sequence(lambda n: f"campaign-{n}")
    name = factory.Sequence(lambda n: f"Campaign {n}")
    channel = "email"


class ConsentFactory(DjangoModelFactory):
    class Meta:
        model = Consent

    customer = factory.SubFactory(CustomerFactory)
    channel = "email"
    status = "granted"
    source = "checkout"
    decided_at = factory.LazyFunction(timezone.now)


class ContactBlockFactory(DjangoModelFactory):
    class Meta:
        model = ContactBlock

    customer = factory.SubFactory(CustomerFactory)
    kind = "optout"
    source = "a call"
    since = factory.LazyFunction(timezone.now)


class ContactEventFactory(DjangoModelFactory):
    class Meta:
        model = ContactEvent

    customer = factory.SubFactory(CustomerFactory)
    occurred_at = factory.LazyFunction(timezone.now)
    channel = "email"
    external_id = factory.Sequence(lambda n: f"message-{n}")


class ImportBatchFactory(DjangoModelFactory):
    class Meta:
        model = ImportBatch

    kind = "orders"
    format = "generic"
    source = "shop"
    file_name = "orders.csv"
    file_path = "orders.csv"


class RefusedRowFactory(DjangoModelFactory):
    class Meta:
        model = RefusedRow

    batch = factory.SubFactory(ImportBatchFactory)
    line_number = factory.Sequence(lambda n: n + 2)
    raw = "a,b,c"
    code = "no_customer"
    reason = "The line names no customer."


class ProductFactory(DjangoModelFactory):
    class Meta:
        model = Product

    key = factory.Sequence(lambda n: f"P{n:05}")
    label = factory.Sequence(lambda n: f"Product {n}")
    price = Decimal("2.50")

    class Params:
        charge = factory.Trait(kind="charge", label="Postage", price=None)


class LabelSuggestionFactory(DjangoModelFactory):
    class Meta:
        model = LabelSuggestion

    label = factory.Sequence(lambda n: f"Unknown label {n}")
    product = factory.SubFactory(ProductFactory)
    similarity = 0.7
    seen = 1


class ProductAliasFactory(DjangoModelFactory):
    class Meta:
        model = ProductAlias

    label = factory.Sequence(lambda n: f"Other label {n}")
    product = factory.SubFactory(ProductFactory)


class OrderFactory(DjangoModelFactory):
    """An order without lines; ``items=3`` gives it three, and the amounts they add up to."""

    class Meta:
        model = Order
        skip_postgeneration_save = True

    source = "shop"
    number = factory.Sequence(lambda n: f"{500_000 + n}")
    customer = factory.SubFactory(CustomerFactory)
    ordered_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=3))
    currency = "GBP"
    net_amount = Decimal("10.00")
    gross_amount = factory.LazyAttribute(lambda order: order.net_amount)

    class Params:
        returned = factory.Trait(kind="return", number=factory.Sequence(lambda n: f"C{n:06}"))

    @factory.post_generation
    def items(order, create, count, **kwargs):  # noqa: N805 - the order, after it was made
        if not create or not count:
            return
        lines = [
            OrderItemFactory(order=order, ordinal=place, **kwargs) for place in range(1, count + 1)
        ]
        net = sum(line.quantity * line.unit_price for line in lines)
        order.net_amount = order.gross_amount = Decimal(net).quantize(Decimal("0.01"))
        order.save(update_fields=["net_amount", "gross_amount"])


class OrderItemFactory(DjangoModelFactory):
    class Meta:
        model = OrderItem

    order = factory.SubFactory(OrderFactory)
    ordinal = factory.Sequence(lambda n: n + 1)
    product = factory.SubFactory(ProductFactory)
    quantity = Decimal(2)
    unit_price = Decimal("2.5000")
