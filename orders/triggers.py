"""Statement-level triggers that keep ``CustomerTotals`` exact, also under ``COPY``.

One trigger per event, because PostgreSQL gives transition tables to one event each. What counts is
fixed here, in SQL: status paid or fulfilled. An insert adds deltas. An update or delete locks the
totals in customer order (so that two writers cannot deadlock) and recomputes them in a *separate*
statement: its snapshot is taken after the locks, so an insert that raced is seen, not lost.
"""

import pgtrigger

_SUMS = """
    min({o}.ordered_at) FILTER (WHERE {o}.kind = 'sale'),
    max({o}.ordered_at) FILTER (WHERE {o}.kind = 'sale'),
    count(*) FILTER (WHERE {o}.kind = 'sale'),
    coalesce(sum({o}.net_amount) FILTER (WHERE {o}.kind = 'sale'), 0),
    coalesce(sum({o}.net_amount) FILTER (WHERE {o}.kind = 'return'), 0)
"""
_COLUMNS = "first_order_at, last_order_at, order_count, sales_total, returns_total"

_ADD_DELTAS = f"""
    INSERT INTO orders_customertotals AS totals (customer_id, {_COLUMNS})
    SELECT new_rows.customer_id, {_SUMS.format(o="new_rows")}
    FROM new_rows
    WHERE new_rows.customer_id IS NOT NULL AND new_rows.status IN ('paid', 'fulfilled')
    GROUP BY new_rows.customer_id
    ORDER BY new_rows.customer_id
    ON CONFLICT (customer_id) DO UPDATE SET
        first_order_at = least(totals.first_order_at, excluded.first_order_at),
        last_order_at = greatest(totals.last_order_at, excluded.last_order_at),
        order_count = totals.order_count + excluded.order_count,
        sales_total = totals.sales_total + excluded.sales_total,
        returns_total = totals.returns_total + excluded.returns_total;
    RETURN NULL;
"""  # noqa: S608 - built from the constants above only

# Touched: the bigint[] of customers whose totals may have changed.
_RECOMPUTE = f"""
    IF touched IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO orders_customertotals (customer_id)
    SELECT ids.id FROM unnest(touched) AS ids (id) ORDER BY ids.id
    ON CONFLICT (customer_id) DO NOTHING;
    PERFORM 1 FROM orders_customertotals
    WHERE customer_id = ANY (touched) ORDER BY customer_id FOR UPDATE;
    UPDATE orders_customertotals AS totals
    SET ({_COLUMNS}) = (
        SELECT {_SUMS.format(o="o")}
        FROM orders_order AS o
        WHERE o.customer_id = totals.customer_id AND o.status IN ('paid', 'fulfilled')
    )
    WHERE totals.customer_id = ANY (touched);
    RETURN NULL;
"""  # noqa: S608 - built from the constants above only

_TOUCHED_BY_UPDATE = """
    SELECT array_agg(DISTINCT changed.customer_id ORDER BY changed.customer_id) INTO touched
    FROM (
        SELECT unnest(ARRAY[old_rows.customer_id, new_rows.customer_id]) AS customer_id
        FROM old_rows
        FULL JOIN new_rows ON new_rows.id = old_rows.id
        WHERE (old_rows.customer_id, old_rows.kind, old_rows.status,
               old_rows.net_amount, old_rows.ordered_at)
            IS DISTINCT FROM (new_rows.customer_id, new_rows.kind, new_rows.status,
                              new_rows.net_amount, new_rows.ordered_at)
    ) AS changed
    WHERE changed.customer_id IS NOT NULL;
"""

_TOUCHED_BY_DELETE = """
    SELECT array_agg(DISTINCT old_rows.customer_id ORDER BY old_rows.customer_id) INTO touched
    FROM old_rows WHERE old_rows.customer_id IS NOT NULL;
"""

# The package has no types for these calls.
NEW_ROWS = pgtrigger.Referencing(new="new_rows")  # type: ignore[no-untyped-call]
OLD_ROWS = pgtrigger.Referencing(old="old_rows")  # type: ignore[no-untyped-call]
BOTH_ROWS = pgtrigger.Referencing(old="old_rows", new="new_rows")  # type: ignore[no-untyped-call]

TOTALS_TRIGGERS = [
    pgtrigger.Trigger(
        name="totals_insert",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=NEW_ROWS,
        func=_ADD_DELTAS,
    ),
    pgtrigger.Trigger(
        name="totals_update",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        referencing=BOTH_ROWS,
        declare=[("touched", "bigint[]")],
        func=_TOUCHED_BY_UPDATE + _RECOMPUTE,
    ),
    pgtrigger.Trigger(
        name="totals_delete",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Delete,
        referencing=OLD_ROWS,
        declare=[("touched", "bigint[]")],
        func=_TOUCHED_BY_DELETE + _RECOMPUTE,
    ),
    pgtrigger.Trigger(
        name="totals_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Truncate,
        func="DELETE FROM orders_customertotals; RETURN NULL;",
    ),
]
