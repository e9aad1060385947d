"""The data that the users work on: made once, kept, and made anew when other amounts are wanted.

All by statements in the database, without triggers and checks of keys; indexes are built once the
rows are there. Two connections work side by side: signals on one, everything about orders on the
other.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from analytics.services.dashboards import refresh_dashboards
from analytics.services.profiles import refresh_profiles
from analytics.services.rfm import score_rfm
from analytics.services.signal_reports import refresh_signal_reports
from benchmarks import data as shop
from benchmarks.users.plan import Plan
from benchmarks.users.statements import CAMPAIGNS, CONTACTS, LINES, PRODUCTS, SIGNALS

DAYS = 395
"""Signals and contacts lie in the last thirteen months."""


def ensure(plan: Plan, kept: Path, say: Any) -> None:
    """Make the data unless the database holds exactly these amounts.

    ``kept`` is the file that says which amounts it holds. Raises ``SystemExit`` where it holds
    others: the folder is the user's to remove.
    """
    if kept.exists():
        held = json.loads(kept.read_text())
        if held == plan.data:
            return
        raise SystemExit(f"{kept.parent} holds {held}. Remove the folder to make {plan.data}.")
    call_command("migrate", verbosity=0)
    _made(say, "customers, articles, campaigns", lambda: _in_bare_tables(_people, plan))
    with ThreadPoolExecutor(max_workers=2) as two:
        works = [
            two.submit(_made, say, "signals", lambda: _apart(_signals, plan)),
            two.submit(_made, say, "orders and contacts", lambda: _apart(_orders, plan)),
        ]
        for work in works:
            work.result()
    _made(say, "scores and reports", _reports)
    kept.write_text(json.dumps(plan.data))


def _made(say: Any, what: str, work: Any) -> None:
    started = perf_counter()
    work()
    say(f"made {what}: {perf_counter() - started:.0f} s")


def _apart(work: Any, plan: Plan) -> None:
    """Work on this thread's own connection."""
    try:
        _in_bare_tables(work, plan)
    finally:
        connection.close()


def _in_bare_tables(work: Any, plan: Plan) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set local session_replication_role = replica")
            cursor.execute("set local synchronous_commit = off")
            cursor.execute("select setseed(0.42)")
        tables = work(plan)
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"vacuum (analyze) {table}")


def _people(plan: Plan) -> list[str]:
    tables = ["customers_customer", "orders_product", "customers_campaign"]
    with _without_indexes(tables[0]):
        _run(shop.CUSTOMERS, plan)
    _run(PRODUCTS, plan)
    _run(CAMPAIGNS, plan)
    return tables


def _orders(plan: Plan) -> list[str]:
    tables = ["orders_order", "orders_orderitem", "customers_contactevent"]
    with _without_indexes(tables[0]):
        _run(shop.ORDERS, plan)
    with _without_indexes(tables[1]):
        _run(LINES, plan)
    _run(shop.TOTALS, plan)
    with _without_indexes(tables[2]):
        _run(CONTACTS, plan)
    return [*tables, "orders_customertotals"]


def _signals(plan: Plan) -> list[str]:
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


def _reports() -> None:
    score_rfm()
    refresh_profiles()
    refresh_dashboards()
    refresh_signal_reports()
