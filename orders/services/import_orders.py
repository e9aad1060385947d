"""The set-based half of the orders import. Runs inside the batch's transaction."""

from collections.abc import Mapping
from typing import Any

from customers.importers.registry import BatchFacts, Outcome
from orders.services import import_sql as sql
from orders.services import import_unknown_sql as unknown_sql
from orders.services.label_queue import MOST_LABELS, Label, queue_labels

# Items are written in steps: foreign keys are checked after each, from a list in memory.
LINES_PER_STEP = 1_000_000


class OrdersPlan:
    """Staged order lines → customers, products, orders, items."""

    @property
    def tables(self) -> Mapping[str, str]:
        """The staging tables."""
        return sql.TABLES

    def classify(self, cursor: Any, facts: BatchFacts) -> Outcome:
        """Find out what is new, changed and unchanged, without writing any real table."""
        mode = _mode(facts)
        for table in ("import_run", "import_label"):
            cursor.execute(f"analyze {table}")
        cursor.execute("create index on import_line using brin (line)")
        cursor.execute("analyze import_line (run, line, product)")
        cursor.execute("alter table import_run add column missing int not null default 0")
        for statement in (sql.CUSTOMERS, sql.PRODUCTS):
            cursor.execute(statement)
        _set_unknown_aside(cursor, facts)
        for statement in (sql.ORDERS, sql.PLACES):
            cursor.execute(statement)
        for table in ("import_customer", "import_product", "import_order", "import_place"):
            cursor.execute(f"analyze {table}")
        cursor.execute(sql.CONFLICTS)
        _words(cursor)
        cursor.execute(sql.TOUCHED)
        cursor.execute(sql.COUNTS)
        outcome = _outcome(cursor.fetchone(), mode)
        cursor.execute(sql.MODE, mode)
        cursor.execute(sql.TOUCHED_MODE, mode)
        cursor.execute("analyze import_touched")
        cursor.execute("analyze import_new")
        cursor.execute(sql.USED_CUSTOMERS, mode)
        cursor.execute(sql.USED_PRODUCTS)
        cursor.execute(sql.MADE)
        customers, products, orders = cursor.fetchone()
        outcome.summary |= {
            "customers_new": customers,
            "products_new": products,
            "orders_changed": orders,
        }
        return outcome

    def apply(self, cursor: Any, facts: BatchFacts) -> None:
        """Write what was classified."""
        values = {**_mode(facts), "currency": facts.currency, "batch": facts.batch_id}
        for statement in (sql.NEW_CUSTOMERS, sql.FILL_CUSTOMERS, sql.FIND_CUSTOMERS):
            cursor.execute(statement)
        for statement in (sql.NEW_PRODUCTS, sql.FIND_PRODUCTS, sql.NUMBER_ORDERS):
            cursor.execute(statement)
        cursor.execute("analyze import_new")
        cursor.execute(sql.NEW_ORDERS, values)
        cursor.execute("select coalesce(max(line), 0) from import_line")
        last = cursor.fetchone()[0]
        for first in range(0, last + 1, LINES_PER_STEP):
            cursor.execute(sql.NEW_ITEMS, {"first": first, "last": first + LINES_PER_STEP})
        cursor.execute("select exists (select from import_touched)")
        if cursor.fetchone()[0]:
            cursor.execute(sql.LOCK_ORDERS)
            for statement in (sql.CHANGE_ITEMS, sql.ADD_ITEMS):
                cursor.execute(statement)
            cursor.execute(sql.CHANGE_ORDERS, values)
        _suggest(cursor, facts)


def _set_unknown_aside(cursor: Any, facts: BatchFacts) -> None:
    """Refuse lines whose product must be known and is not."""
    refuse = {"refuse": facts.refuse_unknown}
    cursor.execute(unknown_sql.MUST_BE_KNOWN, refuse)
    if cursor.fetchone()[0]:
        cursor.execute("analyze import_product")
        cursor.execute(unknown_sql.SAME_LABEL, refuse)
    cursor.execute(unknown_sql.UNKNOWN, refuse)
    if cursor.rowcount:
        cursor.execute("analyze import_unknown")
        cursor.execute(unknown_sql.REFUSE_UNKNOWN)


def _suggest(cursor: Any, facts: BatchFacts) -> None:
    """Put the labels of those lines into the queue that people work through."""
    cursor.execute(unknown_sql.UNKNOWN_LABELS, {"most": MOST_LABELS})
    labels = [Label(*row) for row in cursor.fetchall()]
    queue_labels(labels=labels, source=facts.source, batch_id=facts.batch_id)


def _mode(facts: BatchFacts) -> dict[str, Any]:
    return {"create": facts.mode != "update", "update": facts.mode != "create"}


def _words(cursor: Any) -> None:
    for code, words in sql.CONFLICT_WORDS.items():
        cursor.execute("update import_refused set words = %s where code = %s", [words, code])


def _outcome(row: tuple[Any, ...], mode: Mapping[str, bool]) -> Outcome:
    of_new_orders, of_known_orders, added, changed = (int(value) for value in row[:4])
    new = of_new_orders + added
    return Outcome(
        new=new if mode["create"] else 0,
        changed=changed if mode["update"] else 0,
        unchanged=of_known_orders - added - changed,
        skipped=(0 if mode["create"] else new) + (0 if mode["update"] else changed),
        summary={
            "orders_new": row[4] if mode["create"] else 0,
            "sales": row[5],
            "returns": row[6],
            "revenue_sales": str(round(row[7], 2)),
            "revenue_returns": str(round(row[8], 2)),
            "customers_with_sales": row[9],
            "sale_lines": int(row[10]),
        },
    )
