from customers.models.contact import Campaign, Channel, Consent, ContactEvent, Purpose
from customers.models.customer import Customer, CustomerAlias
from customers.models.imports import ImportBatch, RefusedRow

__all__ = [
    "Campaign",
    "Channel",
    "Consent",
    "ContactEvent",
    "Customer",
    "CustomerAlias",
    "ImportBatch",
    "Purpose",
    "RefusedRow",
]
