"""Which campaigns a comparison of several may believe."""

from customers.models import Campaign
from recommendations.scoring.assignment import sample_ratio
from recommendations.selectors.outcomes import Figures


def trusted(found: Figures) -> tuple[Figures, list[str]]:
    """Leave out campaigns whose arms have other sizes than were drawn; say which.

    Among others, a small campaign's wrong sizes would not be seen in the sum.
    """
    wrong = {pk for pk in {group.key.campaign for group in found.groups} if _unlike(found, pk)}
    if not wrong:
        return found, []
    names = Campaign.objects.filter(pk__in=wrong).order_by("code").values_list("code", flat=True)
    kept = tuple(group for group in found.groups if group.key.campaign not in wrong)
    bought = {key: one for key, one in found.bought.items() if key.campaign not in wrong}
    return Figures(kept, bought), [
        f"Left out, because their arms do not have the sizes that were drawn: {', '.join(names)}."
    ]


def _unlike(found: Figures, campaign: int) -> bool:
    strata = found.strata(lambda key: key.campaign == campaign)
    ratio = sample_ratio(
        controls=sum(one.control.customers for one in strata),
        strata=[(one.treated.customers + one.control.customers, one.share) for one in strata],
    )
    return not ratio.ok
