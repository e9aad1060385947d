"""The rules of contact once more, in plain Python, customer by customer: what the SQL must say.

Written from the rules' text, not from the SQL: days are counted by calendar dates, the holdout by
hashlib, and nothing is shared with the code under test.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from fractions import Fraction
from hashlib import sha256
from zoneinfo import ZoneInfo

REALLY_SENT = {"sent", "delivered", "opened", "clicked"}


@dataclass
class Rules:
    zone: str = "Europe/London"
    silence: int = 135
    overrides: dict = field(default_factory=dict)  # (channel, scenario) → days
    cap: int = 4
    cap_days: int = 30
    order_days: int = 14
    quiet: tuple[time, time] | None = None
    consent_channels: tuple = ()
    share: str = "0.050"
    salt: str = "holdout"
    rotates: bool = True


@dataclass
class Person:
    code: str = "C"
    status: str = "active"
    is_test: bool = False
    is_optout: bool = False
    is_bounced: bool = False
    email: str = "somebody@example.org"
    phone: str = ""
    contacts: list = field(default_factory=list)  # (moment, direction, purpose, status)
    orders: list = field(default_factory=list)  # (moment, kind, status)
    consents: dict = field(default_factory=dict)  # (channel, purpose) → (status, moment)
    blocks: list = field(default_factory=list)  # (kind, channel, since, until)

    def known_at(self, at):
        """The person with everything forgotten that happened later."""
        return replace(
            self,
            contacts=[one for one in self.contacts if one[0] <= at],
            orders=[one for one in self.orders if one[0] <= at],
            consents={key: one for key, one in self.consents.items() if one[1] <= at},
            blocks=[one for one in self.blocks if one[2] <= at],
        )


def held_out(code, rules, day):
    quarter = f"{day.year}Q{(day.month + 2) // 3}" if rules.rotates else ""
    digest = sha256((rules.salt + quarter + code).encode()).hexdigest()
    return Fraction(int(digest[:8], 16), 2**32) < Fraction(rules.share)


def window(rules, channel, scenario):
    for key in ((channel, scenario), ("", scenario), (channel, "")):
        if key != ("", "") and key in rules.overrides:
            return rules.overrides[key]
    return rules.silence


def is_quiet(rules, clock):
    if rules.quiet is None:
        return False
    start, end = rules.quiet
    return start <= clock < end if start < end else not end <= clock < start


def failing(person, rules, channel, purpose, at, *, scenario="", planned=False):
    """The codes of all rules that fail for this person, in their order."""
    zone = ZoneInfo(rules.zone)
    person, local = person.known_at(at), at.astimezone(zone)
    marketing = purpose == "marketing"

    def days_since(moment):
        return (local.date() - moment.astimezone(zone).date()).days

    blocks = {
        kind
        for kind, where, since, until in person.blocks
        if where in {"", channel} and (until is None or at < until)
    }
    sent = [
        days_since(moment)
        for moment, direction, what, status in person.contacts
        if direction == "outbound" and what == "marketing" and status in REALLY_SENT
    ]
    bought = [
        days_since(moment)
        for moment, kind, status in person.orders
        if kind == "sale" and status != "cancelled"
    ]
    consent = person.consents.get((channel, purpose), (None,))[0]
    address = {"email": person.email, "sms": person.phone}[channel]
    rules_that_fail = {
        "NOT_CONTACTABLE": marketing and "pause" in blocks,
        "OPT_OUT": marketing and (person.is_optout or "optout" in blocks),
        "BOUNCED": (person.is_bounced and channel == "email") or "bounce" in blocks,
        "NO_CHANNEL": not address,
        "MERGED_OR_DELETED": person.status != "active",
        "TEST_ACCOUNT": person.is_test,
        "GLOBAL_HOLDOUT": marketing and held_out(person.code, rules, local.date()),
        "SILENCE": marketing and bool(sent) and min(sent) < window(rules, channel, scenario),
        "FREQUENCY_CAP": marketing and sum(days < rules.cap_days for days in sent) >= rules.cap,
        "RECENT_ORDER": marketing and bool(bought) and min(bought) < rules.order_days,
        "NO_CONSENT": consent in {"denied", "withdrawn"}
        or (marketing and channel in rules.consent_channels and consent is None),
        "QUIET_HOURS": marketing and not planned and is_quiet(rules, local.time()),
    }
    return [code for code, fails in rules_that_fail.items() if fails]


def allowed_later(person, rules, channel, purpose, at, later, **more):
    """Whether the person may be contacted at a later moment, if nothing new happens until then."""
    return not failing(person.known_at(at), rules, channel, purpose, later, **more)


def never(person, rules, channel, purpose, at, *, scenario=""):
    """Whether no moment of the following years is free, as far as one can tell by looking."""
    moments = [at + timedelta(days=91 * step, hours=step) for step in range(1, 130)]
    # Far enough: silence is at most ten years in the tests, blocks end within some months.
    return not any(
        allowed_later(person, rules, channel, purpose, at, one, scenario=scenario)
        for one in moments
    )


def moment(text, zone):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
