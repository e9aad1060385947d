"""What is recommended to whom: lists, their history, and why somebody was offered nothing."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from customers.models import Customer
from recommendations.models import RecoExclusion, RecoItem, RecoRun
from recommendations.models.runs import RUN_SHIFT
from recommendations.scoring.contact_words import words_of
from recommendations.selectors.words.refusals import refusal

OFFER, CONTACT = RecoExclusion.Stage.OFFER.value, RecoExclusion.Stage.CONTACT.value
NO_RUN, DROPPED, NOT_IN_RUN = "NO_RUN", "DROPPED", "NOT_IN_RUN"
_MOST_RUN = 2**31 - 1


@dataclass(frozen=True, slots=True)
class CustomerList:
    """What one run offers one customer: items by rank, and what the run held against it.

    ``offer`` says why the list is empty; ``contact`` why nobody may write, as it was at selection;
    ``absent`` why the run knows nothing of the customer (merged, deleted, test, new, chosen).
    """

    run: RecoRun
    items: list[RecoItem] = field(default_factory=list)
    offer: RecoExclusion | None = None
    contact: RecoExclusion | None = None
    absent: str = ""

    @property
    def nothing_code(self) -> str:
        """The code of why there is no item; empty where there is one."""
        if self.items:
            return ""
        if self.run.items_dropped_at:
            return DROPPED
        return self.offer.code if self.offer else NOT_IN_RUN

    @property
    def nothing(self) -> str:
        """Why there is no item, in words; empty where there is one."""
        code = self.nothing_code
        details = self.offer.details if self.offer else {"why": self.absent}
        return refusal(code, details) if code else ""

    @property
    def silent(self) -> str:
        """Why nobody was allowed to write when the run was made, in words; or empty."""
        if self.contact is None:
            return ""
        details = self.contact.details if isinstance(self.contact.details, dict) else {}
        evidence = details.get("evidence")
        codes = details.get("codes") or [self.contact.code]
        try:
            return words_of(codes, evidence if isinstance(evidence, dict) else {})
        except (KeyError, TypeError, AttributeError):
            # Stored with less evidence than the sentence wants.
            return refusal(self.contact.code)


def current_run() -> RecoRun | None:
    """Return the run that everybody sees; its settings come with it."""
    return RecoRun.objects.filter(is_current=True).select_related("config").first()


def kept_runs() -> QuerySet[RecoRun]:
    """Return the runs whose items can be read, newest day first."""
    return RecoRun.objects.kept().order_by("-as_of", "-pk")


def end_of(run: RecoRun) -> datetime:
    """Return the moment up to which a run looked (excluded), in the zone that it counted in."""
    midnight = datetime.combine(run.as_of, time.min, tzinfo=ZoneInfo(run.time_zone))
    return midnight + timedelta(days=1)


def lists_of(*, customers: Collection[int], run: RecoRun) -> dict[int, CustomerList]:
    """Return the list of each customer in one run, in two queries however many they are."""
    found = {key: CustomerList(run=run) for key in customers}
    items = RecoItem.objects.filter(run_id=run.pk, customer_id__in=customers)
    for item in items.select_related("product").order_by("customer_id", "rank"):
        item.run = run
        found[item.customer_id].items.append(item)
    for one in RecoExclusion.objects.filter(run_id=run.pk, customer_id__in=customers):
        known = found[one.customer_id]
        found[one.customer_id] = CustomerList(
            run=run,
            items=known.items,
            offer=one if one.stage == OFFER else known.offer,
            contact=one if one.stage == CONTACT else known.contact,
        )
    return _with_absent(found)


def _with_absent(found: dict[int, CustomerList]) -> dict[int, CustomerList]:
    """Say of customers whom a run knows nothing of, why; one query where there are any."""
    missing = [key for key, one in found.items() if one.nothing_code == NOT_IN_RUN]
    if not missing:
        return found
    people = Customer.objects.in_bulk(missing)
    absent = {key: replace(found[key], absent=_why(people.get(key), found[key].run))
              for key in missing}  # fmt: skip
    return {**found, **absent}


def _why(customer: Customer | None, run: RecoRun) -> str:
    if customer is None or customer.status == Customer.Status.DELETED:
        return "deleted"
    if customer.status == Customer.Status.MERGED:
        return "merged"
    if customer.is_test:
        return "test"
    since = customer.registered_at or customer.created_at
    if since >= end_of(run) or customer.created_at > run.started_at:
        return "new"
    return "" if run.customers_chosen is None else "chosen"


def list_of(*, customer_id: int, run: RecoRun) -> CustomerList:
    """Return what a run offers a customer, or why it offers nothing."""
    return lists_of(customers=[customer_id], run=run)[customer_id]


def history(*, customer_id: int, runs: int) -> list[CustomerList]:
    """Return the customer's lists of the newest runs of everybody, newest first.

    A run that a few customers were chosen for counts only where this one was among them.
    """
    newest = list(kept_runs()[: runs * 4])
    keys = [run.pk for run in newest]
    items = RecoItem.objects.filter(run_id__in=keys, customer_id=customer_id)
    by_run: dict[int, list[RecoItem]] = {}
    for item in items.select_related("product").order_by("run_id", "rank"):
        by_run.setdefault(item.run_id, []).append(item)
    kept = RecoExclusion.objects.filter(run_id__in=keys, customer_id=customer_id)
    stages = {(one.run_id, one.stage): one for one in kept}
    found = [
        CustomerList(
            run=run,
            items=by_run.get(run.pk, []),
            offer=stages.get((run.pk, OFFER)),
            contact=stages.get((run.pk, CONTACT)),
        )
        for run in newest
    ]
    concerned = [one for one in found if _concerns(one)][:runs]
    if all(one.nothing_code != NOT_IN_RUN for one in concerned):
        return concerned
    who = Customer.objects.filter(pk=customer_id).first()
    return [
        replace(one, absent=_why(who, one.run)) if one.nothing_code == NOT_IN_RUN else one
        for one in concerned
    ]


def _concerns(found: CustomerList) -> bool:
    everybody = found.run.customers_chosen is None
    return everybody or bool(found.items or found.offer or found.contact)


def item(*, item_id: int) -> RecoItem | None:
    """Return one item with its product, customer and run; the id names the partition."""
    run_id = item_id >> RUN_SHIFT
    if not 0 < run_id <= _MOST_RUN:
        return None
    rows = RecoItem.objects.filter(pk=item_id, run_id=run_id)
    return rows.select_related("product", "customer", "run__config").first()


def items_of(*, run: RecoRun) -> QuerySet[RecoItem]:
    """Return the items of a run with what a list of them shows, in the order of its key."""
    rows = RecoItem.objects.filter(run_id=run.pk).select_related("product", "customer")
    return rows.order_by("id")
