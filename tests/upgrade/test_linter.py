"""What django-migration-linter finds in the statements of our migrations, each finding judged."""

import pytest
from django.db.migrations.loader import MigrationLoader

linter = pytest.importorskip("django_migration_linter", reason="The linter is not installed.")

from django_migration_linter.sql_analyser import (  # noqa: E402
    PostgresqlAnalyser,
    analyse_sql_statements,
)

OURS = {"common", "customers", "orders", "analytics", "recommendations"}
# Older than the first release, when no table has many rows; test_upgrade.py has what they hold.
# A finding in a later migration is mended, or stands here with what makes it harmless.
ACCEPTED = {
    ("customers", "0001_initial"): {"CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"},
    ("customers", "0002_not_scored"): {"CREATE_INDEX"},
    ("customers", "0003_contact_newest"): {"CREATE_INDEX"},
    # A column of campaigns, of which there are thousands at most, gets its default first.
    ("customers", "0004_contact_policy"): {
        "CREATE_INDEX",
        "CREATE_INDEX_EXCLUSIVE",
        "NOT_NULL",
    },
    ("recommendations", "0004_outcome_windows"): {"CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"},
    # The table is made in the same migration, which the linter does not see.
    ("common", "0006_backups"): {"CREATE_INDEX"},
}


pytestmark = [pytest.mark.slow, pytest.mark.owner]


@pytest.fixture(scope="module")
def found(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        lint = linter.MigrationLinter(None, no_cache=True, no_output=True)
        keys = [key for key in MigrationLoader(None).graph.nodes if key[0] in OURS]
        return {key: codes for key in keys if (codes := findings(lint, *key))}


def findings(lint, app, name):
    errors, _, warnings = analyse_sql_statements(PostgresqlAnalyser, lint.get_sql(app, name))
    return {one.code for one in (*errors, *warnings)}


def test_what_the_linter_finds_was_judged(found):
    assert found == ACCEPTED
