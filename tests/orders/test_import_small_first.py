"""An import of many lines is not slowed by plans that its session made for small tables."""

import pytest
from django.db import connection

from customers.services import imports

HEADER = "order_number,ordered_at,customer_code,product_key,quantity,unit_price\n"
LINES = 6_000


@pytest.fixture
def take(settings, tmp_path):
    """Import lines of a shop: ``take(first, last)``, four to an order."""
    settings.CRM_UPLOAD_DIR = tmp_path / "uploads"

    def import_lines(first, last):
        path = tmp_path / "orders.csv"
        lines = (f"{n // 4},2024-01-{1 + n % 28:02},C{n // 8},P{n // 10},1,2.50" for n in
                 range(first, last))  # fmt: skip
        path.write_text(HEADER + "\n".join(lines) + "\n")
        return imports.import_file(path=path, kind="orders", format="generic")

    return import_lines


def rows_read_whole():
    """Return how many rows were read by walking through whole tables of ours."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_force_next_flush()")
        cursor.execute(
            "select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_user_tables"
            " where relname ~ '^(orders|customers)_'"
        )
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_many_lines_after_few_do_not_read_the_tables_once_for_each_row(take):
    take(0, 4)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    # PostgreSQL keeps plans of triggers from here on: of tables that are one page long.
    for start in range(4, 32, 4):
        take(start, start + 4)
    before = rows_read_whole()

    take(100, 100 + LINES)

    assert rows_read_whole() - before < 50 * LINES
