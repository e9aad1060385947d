"""Where the fields of a rule lie in the database.

Each is an SQL expression of its field's type, NULL where the value is not known. Only tables that
a rule asks for are joined, so that a rule on the customer alone reads one table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analytics.scoring.segment_catalogue import AROMAS

FROM = "customers_customer as c cross join (values (%s::date, %s::text)) as day (today, zone)"
"""Whom a rule is asked about; takes two parameters: today, and the business's time zone."""

LEFT_IN = "c.status = 'active' and not c.is_test"
"""Merged, deleted and test customers are in no segment."""


@dataclass(frozen=True, slots=True)
class Column:
    """An expression, and the joins that it reads, in the order in which they stand in FROM."""

    sql: str
    joins: tuple[str, ...] = ()


_RFM = "left join analytics_currentrfmscore as r on r.customer_id = c.id"
_SEGMENT = "left join analytics_segment as s on s.id = r.segment_id"
_SIGNALS = "left join analytics_signalscore as g on g.customer_id = c.id"
_CONTACT = """left join (
    select e.customer_id, max(e.occurred_at) as occurred_at
    from customers_contactevent as e
    where e.direction = 'outbound'
    group by e.customer_id
) as m on m.customer_id = c.id"""

# A customer without a score is a prospect, provided that anybody was scored.
_SCORED = "exists (select from analytics_rfmrun as run where run.is_current)"
_SIGNALLED = "exists (select from analytics_signalscore)"


def _days_since(moment: str) -> str:
    """Return whole local days between a moment and today; the future counts as today."""
    return f"greatest(day.today - ({moment} at time zone day.zone)::date, 0)"


_CUSTOMER: Mapping[str, Column] = {
    "customer.code": Column("c.code"),
    "customer.country": Column("nullif(c.country, '')"),
    "customer.language": Column("nullif(c.language, '')"),
    "customer.registered_on": Column("(c.registered_at at time zone day.zone)::date"),
    "contact.contactable": Column("c.contactable"),
    "contact.has_email": Column("c.email_normalized is not null"),
    "contact.has_phone": Column("c.phone <> ''"),
    "contact.last": Column(
        f"case when m.occurred_at is not null then {_days_since('m.occurred_at')} end", (_CONTACT,)
    ),
}

_SCORES: Mapping[str, Column] = {
    "rfm.segment": Column(
        f"case when {_SCORED} then coalesce(s.code, 'prospects') end", (_RFM, _SEGMENT)
    ),
    "rfm.recency": Column("r.recency_days", (_RFM,)),
    "rfm.frequency": Column(f"case when {_SCORED} then coalesce(r.frequency, 0) end", (_RFM,)),
    "rfm.monetary": Column("r.monetary", (_RFM,)),
    "rfm.r": Column("r.r", (_RFM,)),
    "rfm.f": Column("r.f", (_RFM,)),
    "rfm.m": Column("r.m", (_RFM,)),
}

_INTEREST: Mapping[str, Column] = {
    "signals.score": Column("g.score", (_SIGNALS,)),
    "signals.intent": Column("g.intent", (_SIGNALS,)),
    "signals.last": Column(
        f"case when g.last_signal_at is not null then {_days_since('g.last_signal_at')} end",
        (_SIGNALS,),
    ),
    "signals.count_90d": Column(
        f"case when {_SIGNALLED} then coalesce(g.signals_90d, 0) end", (_SIGNALS,)
    ),
}

_PROFILE = "left join analytics_customerprofile as p on p.customer_id = c.id"
_FIRST = "left join orders_product as first_bought on first_bought.id = p.first_product_id"
_LAST = "left join orders_product as last_bought on last_bought.id = p.last_product_id"


def _profile(sql: str, *joins: str) -> Column:
    return Column(sql, (_PROFILE, *joins))


_LONGEST = 5
"""Values that a list of a profile holds at most."""


def _values(name: str) -> Column:
    """Return the values of a list of shares; a list that is known to be empty stays one.

    Place by place: unnesting the JSON of each customer would take several times as long.
    """
    places = ", ".join(f"p.{name} -> {place} ->> 'value'" for place in range(_LONGEST))
    return _profile(f"case when p.{name} is not null then array_remove(array[{places}], null) end")


_HABITS: Mapping[str, Column] = {
    "profile.average_order_value": _profile("p.average_order_value"),
    "profile.median_gap_days": _profile("round(p.median_gap_days::numeric, 1)"),
    "profile.first_product": _profile("nullif(first_bought.label, '')", _FIRST),
    "profile.last_product": _profile("nullif(last_bought.label, '')", _LAST),
    **{
        f"profile.{name}": _values(name)
        for name in ("channels", "families", "grapes", "sugar_levels", "price_bands")
    },
    "profile.preferred_hour": _profile("p.preferred_hour"),
    "profile.preferred_weekday": _profile("p.preferred_weekday::text"),
    "profile.preferred_season": _profile("p.preferred_season"),
    "profile.returns_share": _profile("p.returns_share"),
    **{
        f"profile.aroma_{aroma}": _profile(
            f"round((p.aromas -> '{aroma}' ->> 'score')::numeric, 4)"
        )
        for aroma in AROMAS
    },
}

_METRICS = "left join analytics_currentcustomermetrics as f on f.customer_id = c.id"


def _metric(name: str, places: int = 4) -> Column:
    """Return a prediction as it is shown: what people read is what is compared."""
    return Column(f"round(f.{name}::numeric, {places})", (_METRICS,))


_PREDICTIONS: Mapping[str, Column] = {
    "metrics.ltv": _metric("ltv", 2),
    "metrics.historic_value": _metric("historic_value", 2),
    "metrics.churn_probability": _metric("churn_probability"),
    "metrics.purchase_probability_30d": _metric("purchase_probability_30d"),
    "metrics.purchase_probability_90d": _metric("purchase_probability_90d"),
    "metrics.expected_orders_90d": _metric("expected_orders_90d"),
    "metrics.quality_flag": Column("f.quality_flag", (_METRICS,)),
}


def _cluster(kind: str) -> Column:
    # The kind is one of three words below.
    join = f"""left join analytics_segmentationmember as {kind}_in
    on {kind}_in.customer_id = c.id and {kind}_in.segmentation_id = (
        select current.id from analytics_segmentation as current
        where current.kind = '{kind}' and current.is_current
    )"""  # noqa: S608
    return Column(f"{kind}_in.number::text", (join,))


_CLUSTERS: Mapping[str, Column] = {
    f"cluster.{kind}": _cluster(kind) for kind in ("rfm", "taste", "both")
}

COLUMNS: Mapping[str, Column] = {
    **_CUSTOMER,
    **_SCORES,
    **_HABITS,
    **_PREDICTIONS,
    **_INTEREST,
    **_CLUSTERS,
}
"""Field name → where its value is. What is not here is not offered."""

EXPRESSIONS: Mapping[str, str] = {name: column.sql for name, column in COLUMNS.items()}


def source(names: Iterable[str]) -> str:
    """Return FROM with what these fields need; a join that several need stands there once."""
    joins = dict.fromkeys(join for name in names for join in COLUMNS[name].joins)
    return " ".join([FROM, *joins])
