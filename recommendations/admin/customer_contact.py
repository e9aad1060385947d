"""What the customer page says about contact: may we write, on which channel, and why not."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from crm_project.common import formats
from crm_project.common.admin import TemplateTab
from crm_project.common.registry import Kpi, customer_page
from customers.models import Channel, ContactBlock
from recommendations.scoring.contact_words import sentence_of
from recommendations.selectors.contactability import Decision, decide_channels

PERMISSION = "customers.view_customer"
_OFFERS = (
    ("Opt out", {"kind": "optout", "reason": "ASKED"}),
    ("Pause until a date", {"kind": "pause", "reason": "ASKED"}),
    ("Address bounces", {"kind": "bounce", "reason": "HARD_BOUNCE", "channel": "email"}),
)


def _decisions(request: HttpRequest, customer_id: int) -> dict[str, Decision]:
    """Decide once for a page, channel by channel, or a tab of it."""
    key = f"crm.contact.{customer_id}"
    if key not in request.META:
        request.META[key] = decide_channels(customer_id=customer_id)
    found: dict[str, Decision] = request.META[key]
    return found


def kpis(request: HttpRequest, customer: Any) -> Iterator[Kpi]:
    """Yield whether we may write an e-mail now; else until when not, or why not at all."""
    found = _decisions(request, customer.pk)[Channel.EMAIL]
    link = "#dataset-contactblock"
    if found.allowed:
        yield Kpi("May we write?", "Yes", note="by e-mail, now", href=link)
        return
    why = sentence_of(found.code, found.evidence).partition(";")[0].rstrip(".")
    if found.next_allowed_at:
        why = f"{why}. From {_day(found.next_allowed_at)} on"
    yield Kpi("May we write?", "No", note=why, href=link, tone="crm-hot")


def _day(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%-d %b %Y}"


class ContactRulesTab(TemplateTab):
    """Every channel with its answer, the customer's blocks, and what can be done."""

    model = ContactBlock
    title = "May we write?"
    template_name = "crm/contact_rules_tab.html"

    def context(self) -> dict[str, Any]:
        key = str(self.object_id)
        if not key.isdecimal():
            return {}
        decisions = _decisions(self.request, int(key))
        return {
            "rows": [_row(Channel(channel), found) for channel, found in decisions.items()],
            "blocks": ContactBlock.objects.filter(customer_id=int(key))[:20],
            "now": timezone.now(),
            "offers": _offers(self.request, key),
        }


def _row(channel: Channel, found: Decision) -> dict[str, Any]:
    evidence = found.evidence
    return {
        "channel": channel.label,
        "allowed": found.allowed,
        "why": [(code, sentence_of(code, evidence)) for code in found.codes],
        "next": found.next_allowed_at,
        "last": evidence.get("days_since_contact", formats.NOTHING),
        "window": evidence.get("silence_window"),
    }


def _offers(request: HttpRequest, customer_id: str) -> list[tuple[str, str]]:
    """Return what this user may do about contact with this customer, as links to forms."""
    if not request.user.has_perm("customers.add_contactblock"):
        return []
    form = reverse("admin:customers_contactblock_add")
    return [
        (words, f"{form}?{urlencode({'customer': customer_id, **given})}")
        for words, given in _OFFERS
    ]


customer_page.add_kpis(kpis, position=15, permission=PERMISSION)
customer_page.add_tab(ContactRulesTab, position=45, permission=PERMISSION)
