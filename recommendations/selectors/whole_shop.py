"""The engine's own answer to "why not?", in shops small enough to be learned for one question.

What a run learned is not stored, so it is learned again (seconds) and kept for the next question
about the same run. In larger shops the rules alone answer.
"""

from functools import lru_cache

import numpy as np
from django.conf import settings
from django.db.models import Max

from crm_project.common.exceptions import CrmError
from crm_project.common.selectors.estimates import estimated_rows
from orders.models import OrderItem
from recommendations.models import RecoRun
from recommendations.scoring.arrays import Ints
from recommendations.scoring.knowledge import Knowledge, learn
from recommendations.scoring.product_rules import Reason, why_not
from recommendations.selectors.run_plan import settings_of_run
from recommendations.selectors.shop import load_shop


def exact_reasons(*, run: RecoRun, customer_id: int, product_id: int) -> list[Reason] | None:
    """Return what the engine says; None in a shop that is too large, or for whom it never saw."""
    if estimated_rows(OrderItem._meta.db_table) > settings.CRM_WHY_NOT_LINES:
        return None
    newest = OrderItem.objects.aggregate(newest=Max("pk"))["newest"] or 0
    try:
        known = _learned(run.pk, newest)
    except CrmError:
        # Made with settings that this version cannot read: the rules alone answer.
        return None
    who = _row(known.shop.customers.id, customer_id)
    what = _row(known.shop.products.id, product_id)
    if who is None or what is None:
        return None
    return why_not(known.shop, known.settings, who, what, mode=run.mode, known=known)


@lru_cache(maxsize=1)
def _learned(run_id: int, newest_line: int) -> Knowledge:
    """Learn the shop of a run; a line that came since (imports may be late) makes it learn anew."""
    run = RecoRun.objects.select_related("config", "backtest").get(pk=run_id)
    return learn(load_shop(as_of=run.as_of), settings_of_run(run))


def _row(keys: Ints, wanted: int) -> int | None:
    place = int(np.searchsorted(keys, wanted))
    return place if place < len(keys) and keys[place] == wanted else None
