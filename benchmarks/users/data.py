"""The data that the users work on: made once, kept, and made anew when other amounts are wanted.

All by statements in the database, without triggers and checks of keys; indexes are built once the
rows are there. Two connections work side by side: signals on one, everything about orders on the
other.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from analytics.models import CustomerEmbedding
from analytics.services.embeddings import embed_customers
from analytics.services.profiles import refresh_profiles
from analytics.services.rfm import score_rfm
from analytics.services.signal_reports import refresh_signals_by_day, score_signals
from benchmarks import data as shop
from benchmarks.users.plan import Plan
from benchmarks.users.statements import CAMPAIGNS, CONTACTS, KNOWN_BEFORE, LINES, PRODUCTS, SIGNALS
from customers.models import Customer
from recommendations.selectors.recommendations import current_run
from recommendations.services.runs import recommend

Say = Callable[[str], object]
Work = Callable[[Plan], list[str]]

DAYS = 395
"""Signals and contacts lie in the last thirteen months."""


def ensure(plan: Plan, kept: Path, say: Say) -> None:
    """Make the data unless the database holds exactly these amounts.

    ``kept`` is the file that says which amounts it holds. Raises ``SystemExit`` where it holds
    others, or a part: the folder is the user's to remove.
    """
    if kept.exists():
        held = json.loads(kept.read_text())
        if held == plan.data:
            call_command("migrate", verbosity=0)
            computed(say)
            return
        raise SystemExit(f"{kept.parent} holds {held}. Remove the folder to make {plan.data}.")
    call_command("migrate", verbosity=0)
    if Customer.objects.exists():
        raise SystemExit(f"Making the data was interrupted. Remove {kept.parent} and try again.")
    _made(say, "customers, articles, campaigns", lambda: make(people, plan))
    with ThreadPoolExecutor(max_workers=2) as two:
        works = [two.submit(_one_side, plan, say), two.submit(_other_side, plan, say)]
        for work in works:
            work.result()
    kept.write_text(json.dumps(plan.data))
    computed(say)
    # Autovacuum would look through all that is new.
    _made(say, "order", lambda: _run_alone("vacuum (analyze)"))


def computed(say: Say) -> None:
    """Compute what a shop's nights would have, unless that was done; may be repeated."""
    if current_run() is None:
        _made(say, "recommendations", recommend)
    if not CustomerEmbedding.objects.exists():
        _made(say, "embeddings", lambda: embed_customers(all=True))
    _run_alone("checkpoint")


def _run_alone(statement: str) -> None:
    """Run what would else come in the middle of what is measured."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _one_side(plan: Plan, say: Say) -> None:
    try:
        _made(say, "signals", lambda: make(signals, plan))
        # Not gather_search_words: only mistyped words are compared with those.
        _made(say, "interest", score_signals)
        _made(say, "signals by day", refresh_signals_by_day)
    finally:
        connection.close()


def _other_side(plan: Plan, say: Say) -> None:
    try:
        _made(say, "orders", lambda: make(orders, plan))
        _made(say, "scores", score_rfm)
        _made(say, "contacts", lambda: make(contacts, plan))
        _made(say, "profiles", refresh_profiles)
    finally:
        connection.close()


def _made(say: Say, what: str, work: Callable[[], object]) -> None:
    started = perf_counter()
    work()
    say(f"made {what}: {perf_counter() - started:.0f} s")


def make(work: Work, plan: Plan) -> None:
    """Fill tables in one transaction, then look through them as autovacuum would some time."""
    for table in fill(work, plan):
        with connection.cursor() as cursor:
            cursor.execute(f"vacuum (analyze) {table}")


@transaction.atomic
def fill(work: Work, plan: Plan) -> list[str]:
    """Fill tables without triggers and checks of keys; returns their names."""
    with connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("set local synchronous_commit = off")
        cursor.execute("select setseed(0.42)")
    return work(plan)


def people(plan: Plan) -> list[str]:
    """Make who buys, what there is to buy, and the campaigns."""
    tables = ["customers_customer", "orders_product", "customers_campaign"]
    with _without_indexes(tables[0]):
        _run(shop.CUSTOMERS, plan)
        _run(KNOWN_BEFORE, plan)
    _run(PRODUCTS, plan)
    _run(CAMPAIGNS, plan)
    return tables


def orders(plan: Plan) -> list[str]:
    """Make orders with one or two lines each, and the totals that triggers would keep."""
    tables = ["orders_order", "orders_orderitem"]
    with _without_indexes(tables[0]):
        _run(shop.ORDERS, plan)
    with _without_indexes(tables[1]):
        _run(LINES, plan)
    _run(shop.TOTALS, plan)
    return [*tables, "orders_customertotals"]


def contacts(plan: Plan) -> list[str]:
    """Make what the campaigns sent."""
    with _without_indexes("customers_contactevent"):
        _run(CONTACTS, plan)
    return ["customers_contactevent"]


def signals(plan: Plan) -> list[str]:
    """Make signals of the last thirteen months, evenly spread."""
    newest = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "select crm_private.ensure_signal_partitions('analytics_signal', %s)",
            [[newest - timedelta(days=days) for days in range(0, DAYS + 6, 5)]],
        )
    with _without_indexes("analytics_signal"):
        _run(SIGNALS, plan)
    return ["analytics_signal"]


def _run(statement: str, plan: Plan) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {**plan.data, "from": 1, "to": plan.orders, "days": DAYS})


@contextmanager
def _without_indexes(table: str) -> Iterator[None]:
    """Take a table's indexes away, but those of its constraints, and build them at the end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select indexname, replace(indexdef, ' ON ONLY ', ' ON ') from pg_indexes"
            " where tablename = %s and indexname not in (select conname from pg_constraint)",
            [table],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'drop index "{name}"')
        yield
        for _, definition in indexes:
            cursor.execute(definition)
