"""The answer to "may we write?" in sentences."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

CHANNELS = {
    "email": "e-mail address",
    "sms": "mobile number",
    "phone": "phone number",
    "post": "postal address",
    "telegram": "Telegram account",
}
_REASONS = {
    "UNSUBSCRIBED": "unsubscribed",
    "COMPLAINT": "complained about spam",
    "ASKED": "asked us",
    "HARD_BOUNCE": "the address does not exist",
    "SOFT_BOUNCE": "the address takes no mail for now",
    "INVALID_ADDRESS": "the address is not valid",
    "OPEN_CASE": "a case is open with the service",
    "HOLIDAY": "away",
    "OTHER": "another reason",
}


def words_of(codes: Sequence[str], evidence: Mapping[str, Any]) -> str:
    """Return one sentence for each failing rule.

    >>> words_of([], {})
    'Nothing speaks against it.'
    >>> words_of(["SILENCE"], {"days_since_contact": 134, "silence_window": 135})
    'Last marketing contact 134 days ago; the silence window is 135 days.'
    """
    if not codes:
        return "Nothing speaks against it."
    return " ".join(sentence_of(code, evidence) for code in codes)


def sentence_of(code: str, evidence: Mapping[str, Any]) -> str:
    """Return what a failing rule says, with what shows it.

    >>> sentence_of("RECENT_ORDER", {"days_since_order": 1, "recent_order_days": 14})
    'Ordered 1 day ago; marketing waits for 14 days after an order.'
    """
    return _SENTENCES[code](evidence) if code in _SENTENCES else f"{code}."


def days(count: Any) -> str:
    """Return a number of days as text.

    >>> days(1), days(30)
    ('1 day', '30 days')
    """
    return f"{count} day" if count == 1 else f"{count} days"


def _block(evidence: Mapping[str, Any], kind: str) -> str:
    """Return reason and end of the first block of a kind, in brackets."""
    for block in evidence.get("blocks", ()):
        if block["kind"] == kind:
            told = [_REASONS.get(block["reason"], block["reason"])]
            if block.get("until"):
                told.append(f"until {datetime.fromisoformat(block['until']):%-d %b %Y}")
            return f" ({', '.join(told)})"
    return ""


def _not_contactable(evidence: Mapping[str, Any]) -> str:
    if evidence.get("unknown"):
        return "There is no such customer."
    return f"Contact is paused{_block(evidence, 'pause')}."


def _optout(evidence: Mapping[str, Any]) -> str:
    return f"Opted out{_block(evidence, 'optout')}."


def _bounced(evidence: Mapping[str, Any]) -> str:
    return f"Messages to the address come back{_block(evidence, 'bounce')}."


def _no_channel(evidence: Mapping[str, Any]) -> str:
    return f"There is no valid {CHANNELS.get(evidence.get('channel', ''), 'address')}."


def _gone(evidence: Mapping[str, Any]) -> str:
    merged = evidence.get("status") == "merged"
    return "Merged into another customer." if merged else "The customer is deleted."


def _held(evidence: Mapping[str, Any]) -> str:
    quarter = evidence.get("holdout_quarter")
    when = f" in {quarter[:4]}, quarter {quarter[-1]}" if quarter else ""
    return f"Belongs to the global holdout{when}: no marketing, so that its effect can be seen."


def _silence(evidence: Mapping[str, Any]) -> str:
    since, window = evidence["days_since_contact"], evidence["silence_window"]
    return f"Last marketing contact {days(since)} ago; the silence window is {days(window)}."


def _cap(evidence: Mapping[str, Any]) -> str:
    return (
        f"{evidence['contacts_counted']} marketing contacts within"
        f" {days(evidence['frequency_days'])}; at most {evidence['frequency_cap']} are allowed."
    )


def _order(evidence: Mapping[str, Any]) -> str:
    since, wait = evidence["days_since_order"], evidence["recent_order_days"]
    return f"Ordered {days(since)} ago; marketing waits for {days(wait)} after an order."


def _consent(evidence: Mapping[str, Any]) -> str:
    status = evidence.get("consent")
    if status in {"denied", "withdrawn"}:
        return f"Consent was {status}."
    return "This channel needs a consent, and there is none."


def _quiet(evidence: Mapping[str, Any]) -> str:
    start, end = evidence["quiet_from"][:5], evidence["quiet_until"][:5]
    return f"Quiet hours: nothing is sent from {start} to {end}."


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "NOT_CONTACTABLE": _not_contactable,
    "OPT_OUT": _optout,
    "BOUNCED": _bounced,
    "NO_CHANNEL": _no_channel,
    "MERGED_OR_DELETED": _gone,
    "TEST_ACCOUNT": lambda evidence: "A test account: nobody real.",
    "GLOBAL_HOLDOUT": _held,
    "SILENCE": _silence,
    "FREQUENCY_CAP": _cap,
    "RECENT_ORDER": _order,
    "NO_CONSENT": _consent,
    "QUIET_HOURS": _quiet,
}
