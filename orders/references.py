"""References from order lines to orders and products, checked once per statement.

PostgreSQL checks a foreign key row by row; of writing a million order lines that was more than
half the time (``docs/adr/0012``). These triggers hold the same rule for all rows of a statement at
once: a written line locks what it refers to (``FOR KEY SHARE``, as a foreign key does, in key
order) and then looks, in a new snapshot, whether it is there; deleting what is referred to is
refused. Both raise the error of a foreign key (23503), so callers see no difference.

The proof needs a new snapshot per statement, which is what READ COMMITTED, the project's and
PostgreSQL's default, gives.
"""

import pgtrigger

from orders.triggers import NEW_ROWS, OLD_ROWS

_CHECK_ONE = """
    PERFORM 1 FROM {parent} AS parent
    WHERE parent.id IN (SELECT new_rows.{column} FROM new_rows)
    ORDER BY parent.id FOR KEY SHARE;
    SELECT new_rows.{column} INTO missing
    FROM new_rows
    WHERE NOT EXISTS (SELECT FROM {parent} AS parent WHERE parent.id = new_rows.{column})
    LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('{table} refers to {parent} %s, which does not exist', missing),
            TABLE = '{table}', COLUMN = '{column}';
    END IF;
"""
_REFUSE_DELETE = """
    SELECT child.{column} INTO used
    FROM old_rows
    JOIN {table} AS child ON child.{column} = old_rows.id
    LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('{parent} %s is still referred to by {table}', used),
            TABLE = '{parent}';
    END IF;
    RETURN NULL;
"""
_REFUSE_TRUNCATE = """
    IF EXISTS (SELECT FROM {table}) THEN
        RAISE foreign_key_violation USING MESSAGE = '{parent} is still referred to by {table}';
    END IF;
    RETURN NULL;
"""
_ITEMS = "orders_orderitem"
_PARENTS = {"order_id": "orders_order", "product_id": "orders_product"}
_CHECK = (
    "".join(
        _CHECK_ONE.format(table=_ITEMS, column=column, parent=parent)
        for column, parent in _PARENTS.items()
    )
    + "RETURN NULL;"
)

# The package has no types for this call.
_ID_CHANGES = pgtrigger.UpdateOf("id")  # type: ignore[no-untyped-call]


def _check(name: str, operation: pgtrigger.Operation) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=NEW_ROWS,
        declare=[("missing", "bigint")],
        func=_CHECK,
    )


ITEM_TRIGGERS = [
    _check("references_insert", pgtrigger.Insert),
    _check("references_update", pgtrigger.Update),
]


def parent_triggers(column: str) -> list[pgtrigger.Trigger]:
    """Return the triggers for the table that ``orders_orderitem.<column>`` refers to."""
    names = {"table": _ITEMS, "column": column, "parent": _PARENTS[column]}
    return [
        pgtrigger.Trigger(
            name="referred_delete",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Delete,
            referencing=OLD_ROWS,
            declare=[("used", "bigint")],
            func=_REFUSE_DELETE.format(**names),
        ),
        pgtrigger.Trigger(
            name="referred_truncate",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Truncate,
            func=_REFUSE_TRUNCATE.format(**names),
        ),
        pgtrigger.Trigger(
            name="referred_key_stays",
            when=pgtrigger.Before,
            operation=_ID_CHANGES,
            condition=pgtrigger.Condition("OLD.id IS DISTINCT FROM NEW.id"),
            func="RAISE foreign_key_violation USING MESSAGE = 'The id of a row never changes';",
        ),
    ]
