"""A database of an earlier state, with real orders in it, becomes one of today, losing nothing."""

import re
from datetime import date

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from analytics.models import RfmRun
from crm_project.common.models import User
from tests import database_template
from tests.upgrade import watch
from tests.upgrade.conftest import tool

pytestmark = [
    pytest.mark.owner,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # The fixture lets us use a database of its own.
    pytest.mark.usefixtures("upgrade"),
]

# Rows that come with the code, not from people: there may only be more of them.
OF_THE_CODE = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_celery_beat_crontabschedule",
    "django_celery_beat_periodictask",
    "django_content_type",
    "django_migrations",
}

# Which migrations hold a table while they read it whole. All are older than the first release, so
# no installation has millions of such rows when it applies them. What is added here later needs
# a better reason; CREATE INDEX CONCURRENTLY and NOT VALID constraints need none.
LONG_HOLDS = {
    ("customers.0003_contact_newest", "customers_contactevent"): "an index; writers wait",
    ("customers.0004_contact_policy", "customers_contactevent"): "an index; writers wait",
    ("customers.0004_contact_policy", "customers_campaign"): "a constraint of a small table",
    ("customers.0004_contact_policy", "customers_campaignevent"): "its history, as small",
    ("analytics.0009_search", "customers_customer"): "indexes for searching; writers wait",
    ("analytics.0009_search", "orders_product"): "the same; a catalogue is small",
}


def test_every_row_of_before_is_there_as_it_was(upgrade):
    changed = {table for table, digest in upgrade.before.items() if upgrade.after[table] != digest}

    assert upgrade.before["orders_order"][0] == 748
    assert upgrade.before["customers_customer"][0] == 586
    assert changed <= OF_THE_CODE
    assert all(upgrade.after[table][0] > upgrade.before[table][0] for table in changed)


def test_no_migration_holds_a_table_while_it_reads_it(upgrade):
    assert len(upgrade.applied) >= 40
    assert {(one.migration, one.table) for one in upgrade.holds if one.long} == set(LONG_HOLDS)
    assert not any(one.rewrites for one in upgrade.holds)


@pytest.mark.parametrize(
    ("change", "long"),
    [
        ("create index on customers_customer (name)", True),
        ("alter table customers_customer add check (name <> 'nobody')", True),
        ("alter table customers_customer add seen timestamptz default clock_timestamp()", True),
        ("alter table customers_customer add check (name <> 'nobody') not valid", False),
        ("alter table customers_customer add colour text not null default 'red'", False),
    ],
)
def test_the_watch_tells_a_moment_from_a_long_hold(upgrade, change, long):
    with database_template.on_database(upgrade.name):
        before = watch.tables()
        watch.forget_scans()
        with transaction.atomic():
            connection.cursor().execute(change)
            holds = list(watch.look("tried", before))
            transaction.set_rollback(True)

    [held] = [one for one in holds if one.table == "customers_customer"]
    assert held.long == long


def test_it_has_the_same_schema_as_a_new_database(upgrade):
    assert schema(upgrade.name) == schema(database_template.ready())


def schema(database):
    """Describe all there is, one object after the other, without what was made for runs."""
    text = tool("pg_dump", "--schema-only", "--no-owner", "--no-privileges", database)
    text = re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)
    # A list of words that went through a dump is printed with other casts.
    text = re.sub(r"\('([^']*)'::character varying\)::text", r"'\1'", text)
    text = re.sub(r"\(ARRAY\[([^\]]*)\]\)::text\[\]", plain_words, text)
    parts = re.split(r"\n--\n-- Name: ", text)[1:]
    return {part for part in parts if not re.match(r"[\w ]+_\d+(_pkey)?;", part)}


def plain_words(match):
    return f"ARRAY[{match[1].replace('::character varying', '')}]"


def test_people_go_on_working_with_it(upgrade):
    with database_template.on_database(upgrade.name):
        assert User.objects.get(username="steward").check_password("a password of then")
        first = watch.ask("select segment, count(*) from crm.rfm group by 1 order by 1")

        call_command("score_rfm", as_of=date(2011, 11, 10), verbosity=0)

        assert RfmRun.objects.count() == 2
        again = watch.ask("select segment, count(*) from crm.rfm group by 1 order by 1")
        assert again == first
        assert sum(count for _, count in first) == 578
