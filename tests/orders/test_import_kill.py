"""A killed import leaves nothing behind, and resumed it gives what an uninterrupted one gives."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from customers.models import Customer, ImportBatch, RefusedRow
from customers.services import imports
from orders.models import CustomerTotals, Order, OrderItem, Product

ROOT = Path(__file__).parents[2]
KILLS = 10


def write_file(path):
    chance = random.Random(11)  # noqa: S311 - data
    with path.open("w") as file:
        file.write("order_number,ordered_at,customer_code,product_key,quantity,unit_price\n")
        for number in range(30_000):
            price = "" if number % 50 == 0 else chance.randrange(1, 999) / 100
            file.write(
                f"{number // 5},2024-01-{1 + number % 28:02},C{number // 5 % 500},"
                f"P{chance.randrange(300)},{chance.randrange(1, 9)},{price}\n"
            )


def stored():
    return (
        list(Order.objects.order_by("number").values_list("number", "ordered_at", "net_amount")),
        OrderItem.objects.count(),
        Customer.objects.count(),
        Product.objects.count(),
        RefusedRow.objects.count(),
        list(
            CustomerTotals.objects.order_by("customer__code").values_list(
                "customer__code", "order_count", "sales_total"
            )
        ),
    )


def start(path, uploads):
    """Start the real command on the tests' database."""
    config = connection.settings_dict
    script = (
        "import sys, django\n"
        "from django.conf import settings\n"
        f"settings.DATABASES['default']['NAME'] = {config['NAME']!r}\n"
        f"settings.CRM_UPLOAD_DIR = {str(uploads)!r}\n"
        "django.setup()\n"
        "from django.core.management import execute_from_command_line\n"
        f"execute_from_command_line(['manage.py', 'import_orders', {str(path)!r}, '--json'])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "crm_project.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_killed_ten_times_and_resumed_it_gives_the_same_totals(settings, tmp_path):
    settings.CRM_UPLOAD_DIR = tmp_path / "uploads"
    path = tmp_path / "orders.csv"
    write_file(path)
    chance = random.Random()  # noqa: S311 - a moment, not a secret

    for _ in range(KILLS):
        process = start(path, settings.CRM_UPLOAD_DIR)
        while process.poll() is None:
            if ImportBatch.objects.filter(status="importing").exists():
                break
            time.sleep(0.005)
        try:
            process.wait(timeout=chance.uniform(0.0, 0.8))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        finished = ImportBatch.objects.filter(status="committed").exists()
        # All or nothing, also a moment after the kill.
        assert finished or not Order.objects.exists()

    process = start(path, settings.CRM_UPLOAD_DIR)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    after_kills = stored()
    assert ImportBatch.objects.filter(status="importing").count() == 0

    Order.objects.all().delete()
    Customer.objects.all().delete()
    Product.objects.all().delete()
    ImportBatch.objects.all().delete()
    imports.import_file(path=path, kind="orders", format="generic")
    assert after_kills == stored()
    assert after_kills[1] == 29_400
