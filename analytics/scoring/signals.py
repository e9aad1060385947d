"""What one signal is worth, and the types of signals that a new shop starts with.

The rules are section B of the scoring rules: a base score by type, 0.10 more when the answer came
within 24 hours, 0.15 more when there were more than 3 interactions, at most 1, two decimals.
Scores are counted in whole hundredths, so that two decimals are exact.
"""

from dataclasses import dataclass
from decimal import Decimal

UNKNOWN_HUNDREDTHS = 10
"""The base score of types that are not listed."""

FAST_ANSWER_HOURS = 24
FAST_ANSWER_HUNDREDTHS = 10
MANY_INTERACTIONS = 3
MANY_INTERACTIONS_HUNDREDTHS = 15


@dataclass(frozen=True, slots=True)
class TypeDefault:
    """One type as installed."""

    event_type: str
    label: str
    base_score: str
    signal_class: str = ""
    aliases: tuple[str, ...] = ()
    description: str = ""


DEFAULTS = (
    TypeDefault(
        "email_sent",
        "E-mail sent",
        "0.10",
        "outreach",
        ("email_delivered",),
        "We wrote; it says nothing about the customer's interest.",
    ),
    TypeDefault(
        "call_made",
        "Call made",
        "0.50",
        "outreach",
        ("call_placed",),
        "We called; it says nothing about the customer's interest.",
    ),
    TypeDefault("email_opened", "E-mail opened", "0.30", "engagement", ("email_open",)),
    TypeDefault(
        "email_clicked",
        "E-mail clicked",
        "0.60",
        "high_engagement",
        ("email_link_clicked", "email_click"),
    ),
    TypeDefault("meeting_booked", "Meeting booked", "0.80", "intent", ("meeting_scheduled",)),
    TypeDefault("demo_completed", "Demo completed", "0.90", "high_intent", ("demo_finished",)),
    TypeDefault("view", "Product viewed", "0.10", "", ("product_viewed", "product_view")),
    TypeDefault(
        "add_to_cart", "Added to cart", "0.10", "", ("product_added", "product_added_to_cart")
    ),
    TypeDefault(
        "purchase", "Purchase", "0.10", "", ("order_completed", "purchased", "order_placed")
    ),
    TypeDefault("inquiry", "Inquiry", "0.10", "", ("enquiry", "contact_form_submitted")),
    TypeDefault("bot_command", "Bot command", "0.10", "", ("command",)),
    TypeDefault("page", "Page visited", "0.10", "", ("page_viewed", "page_view")),
    TypeDefault("screen", "Screen visited", "0.10", "", ("screen_viewed", "screen_view")),
    TypeDefault(
        "identify", "Identified", "0.10", "", ("user_identified",), "The sender told who it is."
    ),
    TypeDefault(
        "alias", "Renamed", "0.10", "", (), "Two codes of the sender name the same customer."
    ),
    TypeDefault("group", "Joined a group", "0.10", "", (), "The customer belongs to an account."),
)
"""Types with the scores of the rules; what they do not name has the score of any other."""


def hundredths(
    base: int, response_time_hours: float | None = None, interaction_count: float | None = None
) -> int:
    """Return the score of one signal in hundredths.

    Args:
        base: the type's base score in hundredths.
        response_time_hours: how long the answer took, if the sender told.
        interaction_count: how many interactions there were, if the sender told.

    >>> hundredths(60), hundredths(60, 23.9), hundredths(60, 24, 4), hundredths(90, 1, 9)
    (60, 70, 75, 100)
    """
    score = base
    if response_time_hours is not None and response_time_hours < FAST_ANSWER_HOURS:
        score += FAST_ANSWER_HUNDREDTHS
    if interaction_count is not None and interaction_count > MANY_INTERACTIONS:
        score += MANY_INTERACTIONS_HUNDREDTHS
    return min(score, 100)


def signal_score(
    base: Decimal,
    *,
    response_time_hours: float | None = None,
    interaction_count: float | None = None,
) -> Decimal:
    """Return the score of one signal, 0.00 to 1.00.

    >>> signal_score(Decimal("0.8"), response_time_hours=2.5)
    Decimal('0.90')
    """
    score = hundredths(int(base * 100), response_time_hours, interaction_count)
    return Decimal(score).scaleb(-2)
