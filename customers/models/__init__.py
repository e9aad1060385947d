from customers.models.contact import Campaign, Channel, Consent, ContactEvent, Purpose
from customers.models.customer import Customer, CustomerAlias
from customers.models.imports import ImportBatch, RefusedRow
from customers.models.policy import SCENARIOS, ContactBlock, ContactPolicy, SilenceOverride

__all__ = [
    "SCENARIOS",
    "Campaign",
    "Channel",
    "Consent",
    "ContactBlock",
    "ContactEvent",
    "ContactPolicy",
    "Customer",
    "CustomerAlias",
    "ImportBatch",
    "Purpose",
    "RefusedRow",
    "SilenceOverride",
]
