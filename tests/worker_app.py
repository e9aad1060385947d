"""The project's Celery application as tests start it in a process of its own.

It uses the tests' database, and knows one more kind of job: slow, and safe to repeat.
"""

import os

import django
from django.conf import settings

from crm_project.celery import app

if name := os.environ.get("CRM_TEST_DATABASE"):
    settings.DATABASES["default"]["NAME"] = name
    django.setup()


from django.db import connection, transaction

from crm_project.common import jobs
from customers.models import Customer

# Beside tests on all processors it would hardly get its turn.
settings.CRM_WORKER_NICE = 0

STEPS = 10
"""Customers that one job makes, in one transaction."""


def make_customers(context):
    """Make ten customers, slowly enough to be killed in the middle; a second run makes none."""
    with transaction.atomic():
        for step in range(STEPS):
            code = f"{context.params['name']}-{step}"
            Customer.objects.bulk_create([Customer(code=code)], ignore_conflicts=True)
            context.progress(step + 1, STEPS, "making customers")
            with connection.cursor() as cursor:
                cursor.execute("select pg_sleep(0.08)")
    return {"customers": STEPS}


def who_asks(context):
    """Say what the database calls this session."""
    with connection.cursor() as cursor:
        cursor.execute("show application_name")
        return {"session": cursor.fetchone()[0]}


if name:
    jobs.register("slow_test", make_customers)
    jobs.register("who_asks", who_asks)

__all__ = ["app"]
