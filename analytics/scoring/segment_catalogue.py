"""The fields of a saved segment, group by group.

Choices that are data (the shop's segments, countries, clusters) are filled in when they are read.
"""

from analytics.scoring.segment_fields import Choice, Field, Group, Kind, Registry

AROMAS = ("fruity", "floral", "spicy", "woody", "mineral", "herbal", "earthy")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SEASONS = ("spring", "summer", "autumn", "winter")

_CUSTOMER = (
    Field("customer.code", "code", Kind.TEXT, Group.CUSTOMER, nullable=False),
    Field("customer.country", "country", Kind.CHOICE, Group.CUSTOMER),
    Field("customer.language", "language", Kind.CHOICE, Group.CUSTOMER),
    Field("customer.registered_on", "day of registration", Kind.DATE, Group.CUSTOMER),
)

_CONTACT = (
    Field(
        "contact.contactable",
        "may be contacted",
        Kind.FLAG,
        Group.CONTACT,
        nullable=False,
        denied="may not be contacted",
    ),
    Field(
        "contact.has_email",
        "have an e-mail address",
        Kind.FLAG,
        Group.CONTACT,
        nullable=False,
        denied="have no e-mail address",
    ),
    Field(
        "contact.has_phone",
        "have a phone number",
        Kind.FLAG,
        Group.CONTACT,
        nullable=False,
        denied="have no phone number",
    ),
    Field("contact.last", "last message from us", Kind.DAYS_AGO, Group.CONTACT),
)

_RFM = (
    Field("rfm.segment", "RFM segment", Kind.CHOICE, Group.RFM),
    Field("rfm.recency", "last order", Kind.DAYS_AGO, Group.RFM),
    Field("rfm.frequency", "number of orders", Kind.NUMBER, Group.RFM, minimum=0),
    Field("rfm.monetary", "money spent", Kind.MONEY, Group.RFM, decimals=2),
    Field("rfm.r", "recency score", Kind.NUMBER, Group.RFM, minimum=1, maximum=5),
    Field("rfm.f", "frequency score", Kind.NUMBER, Group.RFM, minimum=1, maximum=5),
    Field("rfm.m", "money score", Kind.NUMBER, Group.RFM, minimum=1, maximum=5),
)


def _share(name: str, label: str, group: Group) -> Field:
    """Describe a field that lies between 0 and 1 and is spoken of in percent."""
    return Field(name, label, Kind.NUMBER, group, unit="%", decimals=4, minimum=0, maximum=1)


_PROFILE = (
    Field("profile.average_order_value", "average order", Kind.MONEY, Group.PROFILE, decimals=2),
    Field(
        "profile.median_gap_days",
        "usual time between orders",
        Kind.NUMBER,
        Group.PROFILE,
        unit="days",
        decimals=1,
        minimum=0,
    ),
    Field("profile.first_product", "first product", Kind.TEXT, Group.PROFILE),
    Field("profile.last_product", "last product", Kind.TEXT, Group.PROFILE),
    Field("profile.channels", "channels", Kind.LIST, Group.PROFILE),
    Field("profile.families", "main product families", Kind.LIST, Group.PROFILE),
    Field("profile.grapes", "main grapes", Kind.LIST, Group.PROFILE),
    Field("profile.sugar_levels", "main sugar levels", Kind.LIST, Group.PROFILE),
    Field("profile.price_bands", "main price bands", Kind.LIST, Group.PROFILE),
    Field(
        "profile.preferred_hour",
        "usual hour of ordering",
        Kind.NUMBER,
        Group.PROFILE,
        minimum=0,
        maximum=23,
    ),
    Field(
        "profile.preferred_weekday",
        "usual weekday of ordering",
        Kind.CHOICE,
        Group.PROFILE,
        choices=tuple(Choice(str(place), day) for place, day in enumerate(_WEEKDAYS, start=1)),
        help="Values 1 (Monday) to 7 (Sunday).",
    ),
    Field(
        "profile.preferred_season",
        "usual season of ordering",
        Kind.CHOICE,
        Group.PROFILE,
        choices=tuple(Choice(season, season) for season in _SEASONS),
    ),
    _share("profile.returns_share", "share of returns", Group.PROFILE),
    *(
        _share(f"profile.aroma_{aroma}", f"liking of {aroma} aromas", Group.PROFILE)
        for aroma in AROMAS
    ),
)

_METRICS = (
    Field("metrics.ltv", "expected value in 12 months", Kind.MONEY, Group.METRICS, decimals=2),
    Field("metrics.historic_value", "value so far", Kind.MONEY, Group.METRICS, decimals=2),
    _share("metrics.churn_probability", "chance of being lost", Group.METRICS),
    _share("metrics.purchase_probability_30d", "chance of an order within 30 days", Group.METRICS),
    _share("metrics.purchase_probability_90d", "chance of an order within 90 days", Group.METRICS),
    Field(
        "metrics.expected_orders_90d",
        "expected orders in 90 days",
        Kind.NUMBER,
        Group.METRICS,
        decimals=4,
        minimum=0,
    ),
    Field("metrics.quality_flag", "quality of the prediction", Kind.CHOICE, Group.METRICS),
)

_SIGNALS = (
    _share("signals.score", "signal score", Group.SIGNALS),
    _share("signals.intent", "buying intent", Group.SIGNALS),
    Field("signals.last", "last signal", Kind.DAYS_AGO, Group.SIGNALS),
    Field("signals.count_90d", "signals in 90 days", Kind.NUMBER, Group.SIGNALS, minimum=0),
)

_CLUSTER = (
    Field("cluster.rfm", "cluster by RFM", Kind.CHOICE, Group.CLUSTER),
    Field("cluster.taste", "cluster by taste", Kind.CHOICE, Group.CLUSTER),
    Field("cluster.both", "cluster by RFM and taste", Kind.CHOICE, Group.CLUSTER),
)

CATALOGUE = Registry((*_CUSTOMER, *_CONTACT, *_RFM, *_PROFILE, *_METRICS, *_SIGNALS, *_CLUSTER))
"""Every field there can be; an installation offers those whose values it has."""
