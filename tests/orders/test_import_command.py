"""The commands: what they print, and what their exit code means."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from customers.models import Customer, ImportBatch
from customers.services import imports
from orders.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]
HEADER = "order_number,ordered_at,customer_code,product_key,quantity,unit_price\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(f"{HEADER}1,2024-05-01,C1,P1,2,1.50\n2,2024-05-01,,P1,2,1.50\n")
    return path


def run(*args, command="import_orders", **options):
    out = io.StringIO()
    call_command(command, *map(str, args), stdout=out, **options)
    return out.getvalue()


def test_it_prints_the_counts_and_the_refused_lines_by_reason(path):
    text = run(path)
    assert "no customer" in text
    assert "committed" in text
    assert Order.objects.count() == 1


def test_a_dry_run_writes_nothing_and_the_real_one_goes_on_with_its_batch(path):
    seen = json.loads(run(path, "--dry-run", "--json"))
    assert (seen["status"], seen["new"], seen["refused"]) == ("previewed", 1, 1)
    assert not Order.objects.exists()

    done = json.loads(run(path, "--json"))
    assert (done["batch"], done["status"], done["new"]) == (seen["batch"], "committed", 1)


def test_stop_ends_with_an_error_and_in_words(path):
    with pytest.raises(CommandError, match="nothing was imported"):
        run(path, "--on-error", "stop")
    assert not Order.objects.exists()


def test_a_missing_file_and_a_wrong_one_are_told_in_words(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "none.csv")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="lacks the columns order_number"):
        run(wrong)


def test_resume_goes_on_with_the_unfinished_batch(path):
    with path.open("rb") as file:
        batch = imports.create_batch(
            kind="orders", format="generic", file=file, file_name=path.name
        )
    ImportBatch.objects.update(status="importing")
    assert json.loads(run("--resume", "--json"))["batch"] == batch.pk
    with pytest.raises(CommandError, match="no unfinished import"):
        run("--resume")


def test_standard_input_is_a_file_too(monkeypatch):
    class Input:
        buffer = io.BytesIO(b"code,name\nC1,Ann\n")

    monkeypatch.setattr("sys.stdin", Input())
    run("-", command="import_customers")
    assert Customer.objects.get().name == "Ann"
