"""The fields that this installation offers for rules, with today's choices."""

from collections.abc import Iterable

from django.core.cache import cache
from django.db import connection

from analytics.models import Segment, SegmentationCluster
from analytics.models.metrics import Flag
from analytics.scoring.segment_catalogue import CATALOGUE
from analytics.scoring.segment_fields import Choice, Registry
from analytics.selectors.segment_columns import COLUMNS
from customers.selectors.countries import countries

_KEPT_SECONDS = 600
_MOST = 400
"""Of more values, none is offered: any text is then taken."""

_CLUSTERS = frozenset({"cluster.rfm", "cluster.taste", "cluster.both"})
_DISTINCT = {
    "customer.language": "select distinct language from customers_customer where language <> ''",
    **{
        f"profile.{name}": f"select distinct {column} from orders_product where {column} <> ''"  # noqa: S608
        for name, column in (
            ("families", "family"),
            ("grapes", "grape"),
            ("sugar_levels", "sugar_level"),
            ("price_bands", "price_band"),
        )
    },
}
"""Fields whose choices are whatever occurs, and how to find them."""


def registry(*, fresh: bool = False) -> Registry:
    """Return the fields whose values can be read here, with the choices there are today.

    Values that occur in data are kept for ten minutes; ``fresh`` looks them up anew.
    """
    offered = CATALOGUE.only(COLUMNS)
    found = {
        "customer.country": _plain(countries(fresh=fresh)),
        "rfm.segment": tuple(
            Choice(code, name) for code, name in Segment.objects.values_list("code", "name")
        ),
        "metrics.quality_flag": tuple(
            Choice(flag.value, str(flag.label) or "nothing missing") for flag in Flag
        ),
        **_clusters(),
        **{name: _occurring(name, fresh=fresh) for name in _DISTINCT if name in offered},
    }
    return offered.replaced(
        *(offered[name].with_choices(choices) for name, choices in found.items())
    )


def _clusters() -> dict[str, tuple[Choice, ...]]:
    """Return the groups of the current segmentations that a rule can ask about, by field."""
    current = SegmentationCluster.objects.filter(segmentation__is_current=True)
    found: dict[str, tuple[Choice, ...]] = {name: () for name in COLUMNS if name in _CLUSTERS}
    for kind, number, name in current.order_by("number").values_list(
        "segmentation__kind", "number", "name"
    ):
        field = f"cluster.{kind}"
        if field in found:
            found[field] += (Choice(str(number), name),)
    return found


def _plain(values: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(value, value) for value in values)


def _occurring(name: str, *, fresh: bool) -> tuple[Choice, ...]:
    key = f"segments:choices:{name}"
    values: list[str] | None = None if fresh else cache.get(key)
    if values is None:
        with connection.cursor() as cursor:
            cursor.execute(f"{_DISTINCT[name]} order by 1 limit %s", [_MOST + 1])
            values = [str(value) for (value,) in cursor.fetchall()]
        cache.set(key, values, _KEPT_SECONDS)
    return _plain(values) if len(values) <= _MOST else ()
