"""The demo's addresses, consents and letters: the shop's file has none, so they are made.

Addresses lie at ``example.org``, which belongs to nobody (RFC 2606). What somebody gets follows
from a hash of their code, so that every start makes the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db.models import Value
from django.db.models.functions import Concat, Lower

from crm_project.common.jobs import Progress
from customers.models import Campaign, Channel, Consent, ContactBlock, ContactEvent, Customer
from customers.services.blocks import block
from customers.services.consents import Given, record_consents
from customers.services.contacts import Contact, record_contacts

SOURCE = "demo"
LETTER = "demo-catalogue"
NO_ADDRESS, OPTED_OUT, BOUNCED, WRITTEN_TO = 0.04, 0.02, 0.01, 0.12
"""Parts of the customers without an address, who opted out, whose address is wrong, and who got
the catalogue some weeks ago and are therefore left in peace."""
LETTER_DAYS = 60


@dataclass(frozen=True, slots=True)
class MadeContacts:
    """What is there: addresses, consents, letters that were sent, customers to be left alone."""

    addresses: int
    consents: int
    letters: int
    blocks: int


def load_contacts(*, until: datetime, progress: Progress | None = None) -> MadeContacts:
    """Make addresses, consents, one past letter and some blocks, once; later calls change nothing.

    Args:
        until: the demo's present; nothing is made after it.
    """
    if not Campaign.objects.filter(code=LETTER).exists():
        if progress is not None:
            progress(0, None, "Making addresses, consents and a letter")
        _make(until)
    return MadeContacts(
        addresses=Customer.objects.exclude(email="").count(),
        consents=Consent.objects.filter(source=SOURCE).count(),
        letters=ContactEvent.objects.filter(campaign__code=LETTER).count(),
        blocks=ContactBlock.objects.filter(source=SOURCE).count(),
    )


def chance(salt: str, code: str) -> float:
    """Return a number from 0 to below 1 that belongs to a customer: the same at every start.

    >>> chance("a", "12345") == chance("a", "12345") != chance("b", "12345")
    True
    """
    return int(sha256(f"{salt} {code}".encode()).hexdigest()[:8], 16) / 2**32


def _make(until: datetime) -> None:
    codes = dict(Customer.objects.filter(email="").order_by("id").values_list("code", "pk"))
    addressed = [code for code in codes if chance("address", code) >= NO_ADDRESS]
    Customer.objects.filter(code__in=addressed).update(
        email=Concat(Lower("code"), Value("@example.org"))
    )
    record_consents(
        consents=[
            Given(code, Channel.EMAIL, Consent.Status.GRANTED, SOURCE, until - timedelta(days=180))
            for code in addressed
            if chance("consent", code) < 0.5
        ]
    )
    for kind, reason, part in (
        (ContactBlock.Kind.OPTOUT, ContactBlock.Reason.UNSUBSCRIBED, OPTED_OUT),
        (ContactBlock.Kind.BOUNCE, ContactBlock.Reason.HARD_BOUNCE, BOUNCED),
    ):
        for code in addressed:
            if chance(kind, code) < part:
                block(
                    customer_id=codes[code],
                    kind=kind,
                    reason=reason,
                    channel=Channel.EMAIL,
                    source=SOURCE,
                    since=until - timedelta(days=30),
                )
    _send_letter(until, [code for code in addressed if chance("letter", code) < WRITTEN_TO])


def _send_letter(until: datetime, codes: list[str]) -> None:
    sent = until - timedelta(days=LETTER_DAYS)
    Campaign.objects.create(
        code=LETTER, name="Catalogue by mail (demo)", channel=Channel.EMAIL, starts_at=sent
    )
    record_contacts(
        contacts=[
            Contact(
                f"{LETTER}-{code}", code, sent, Channel.EMAIL, status="delivered", campaign=LETTER
            )
            for code in codes
        ]
    )
