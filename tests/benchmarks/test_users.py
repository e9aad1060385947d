"""The load test counts honestly, and works on the amounts of data that it names."""

import json

import pytest
from django.contrib.auth.hashers import check_password
from django_celery_beat.models import PeriodicTask

from analytics.models import CustomerEmbedding, Signal
from benchmarks import page
from benchmarks.users import beside, data, people, report, second_factor
from benchmarks.users.forms import fields
from benchmarks.users.plan import from_command_line
from benchmarks.users.report import Answer
from crm_project.common.models import ApiToken, User
from crm_project.common.services.second_factor import check_code
from customers.models import Campaign, ContactEvent, Customer
from orders.models import CustomerTotals, Order, OrderItem
from recommendations.models import RecoRun
from tests.factories import CustomerFactory, UserFactory

SMALLEST = [
    "--customers=50", "--orders=200", "--signals=300", "--contacts=100", "--campaigns=10",
    "--users=4",
]  # fmt: skip


def answers(kind, *milliseconds, at=10.0, wrong=""):
    return [Answer(at, kind, "asked", each, wrong) for each in milliseconds]


def of_kind(lines, kind):
    [line] = [line for line in lines if line.kind == kind and line.name == report.ALL]
    return line


class TestTable:
    def test_ninety_five_of_a_hundred_must_keep_the_limit(self):
        good = answers("read", *[50] * 95, *[900] * 5)
        bad = answers("read", *[50] * 94, *[900] * 6)

        assert of_kind(report.lines(good, start=0, seconds=60), "read").holds
        assert not of_kind(report.lines(bad, start=0, seconds=60), "read").holds

    def test_only_the_measured_time_counts(self):
        given = answers("page", 100) + answers("page", 9000, at=5.0) + answers("page", 9000, at=71)

        line = of_kind(report.lines(given, start=10, seconds=60), "page")

        assert (line.answers, line.p95) == (1, 100)

    def test_people_who_sign_in_before_it_are_counted_but_not_as_a_rate(self):
        line = of_kind(report.lines(answers("login", 300, at=1.0), start=10, seconds=60), "login")

        assert (line.answers, line.rate) == (1, None)

    @pytest.mark.parametrize("at", [1.0, 20.0, 99.0])
    def test_an_error_is_never_left_out(self, at):
        given = answers("page", 100) + answers("page", 5, at=at, wrong="it gave 500")

        line = of_kind(report.lines(given, start=10, seconds=60), "page")

        assert line.errors == 1
        assert not line.holds
        assert report.wrongs(given) == ["1 x page asked: it gave 500"]

    def test_somebody_who_cannot_go_on_is_an_error(self):
        given = answers("user", 0, wrong="KeyError()")

        assert not of_kind(report.lines(given, start=10, seconds=60), "user").holds

    def test_users_who_did_not_come_show_nothing(self):
        people = answers("page", 1) + answers("login", 1, 1, 1, 1)
        systems = answers("read", 1) + answers("write", 1)

        assert report.came(people + systems, staff=2)
        assert not report.came(people + systems, staff=3)
        assert not report.came(people + answers("read", 1), staff=2)
        assert not report.came(answers("login", 1, 1, 1, 1), staff=2)

    def test_what_users_wrote_down_is_read_again(self, tmp_path):
        notes = tmp_path / "notes.jsonl"
        notes.write_text(json.dumps([1.5, "page", "customers", 20.5, ""]) + "\n")

        assert report.read(notes) == [Answer(1.5, "page", "customers", 20.5, "")]

    def test_the_page_of_benchmarks_gets_a_section(self, tmp_path):
        path = tmp_path / "benchmarks.md"
        found = report.lines(answers("read", 10, 500), start=0, seconds=60)

        page.put(path, "load", report.section(found, words="Measured today."))

        text = path.read_text()
        assert "## load\n\nMeasured today." in text
        assert "400 ms: NO" in text


PAGE = """
<form id="other"><input name="q" value="no"></form>
<form id="mine">
  <input name="a" value="1 &amp; 2"><input name="none">
  <input type="submit" name="save" value="Save">
  <input type="checkbox" name="off"><input type="checkbox" name="on" checked>
  <select name="first"><option value="">-</option><option value="x">X</option></select>
  <select name="second"><option value="">-</option><option value="x" selected>X</option></select>
  <textarea name="text">
{"a": 1}</textarea>
</form>
<input name="after" value="no">
"""


def test_a_form_is_sent_as_a_browser_would():
    assert fields(PAGE, "mine") == {
        "a": "1 & 2", "none": "", "on": "on", "first": "", "second": "x", "text": '{"a": 1}',
    }  # fmt: skip


@pytest.mark.django_db
class TestSaving:
    def test_the_customer_page_can_be_sent_back_as_it_came(self, client):
        customer = CustomerFactory(language="en")
        client.force_login(UserFactory(admin=True))
        path = f"/admin/customers/customer/{customer.pk}/change/"

        values = fields(client.get(path).content.decode(), "customer_form")
        answer = client.post(path, {**values, "language": "fr"})

        customer.refresh_from_db()
        assert (answer.status_code, customer.language) == (302, "fr")


@pytest.mark.owner
@pytest.mark.django_db
class TestData:
    def test_there_is_as_much_as_was_asked_for(self):
        plan = from_command_line(SMALLEST)

        for work in (data.people, data.signals, data.orders, data.contacts):
            data.fill(work, plan)

        models = (Customer, Order, Signal, ContactEvent, Campaign)
        assert [model.objects.count() for model in models] == list(plan.data.values())
        assert OrderItem.objects.count() == 300
        assert CustomerTotals.objects.exists()
        assert Signal.objects.filter(customer=None).count() == 30

    def test_everybody_can_come_in(self, tmp_path):
        plan = from_command_line(SMALLEST)
        data.fill(data.people, plan)
        letter = tmp_path / "letter.json"

        people.invite(plan, letter)
        told = json.loads(letter.read_text())

        assert letter.stat().st_mode & 0o077 == 0
        assert len(told["staff"]) == len(told["tokens"]) == 2
        user = User.objects.get(username=told["staff"][0]["name"])
        assert check_password(told["password"], user.password)
        assert check_code(user=user, code=second_factor.code(told["staff"][0]["key"]))
        assert ApiToken.objects.filter(user__username="load-systems").count() == 2
        assert told["data"]["first_customer"] == Customer.objects.order_by("pk")[0].pk

    def test_what_nights_compute_is_computed_once(self, tmp_path):
        plan = from_command_line(SMALLEST)
        for work in (data.people, data.orders):
            data.fill(work, plan)

        data.computed(print)
        data.computed(print)

        people.invite(plan, tmp_path / "letter.json")
        told = json.loads((tmp_path / "letter.json").read_text())
        assert CustomerEmbedding.objects.count() == 50
        assert [told["data"]["run"]] == [*RecoRun.objects.values_list("pk", flat=True)]

    def test_data_of_other_amounts_is_not_taken_for_ours(self, tmp_path):
        kept = tmp_path / "made.json"
        kept.write_text(json.dumps({"customers": 1}))

        with pytest.raises(SystemExit, match="Remove the folder"):
            data.ensure(from_command_line(SMALLEST), kept, print)


class TestBeside:
    @pytest.mark.django_db
    def test_by_night_all_is_done_that_is_not_done_by_the_hour(self):
        by_hour, by_night = beside.tasks_of("hourly"), beside.tasks_of("nightly")

        assert "analytics.tasks.refresh_dashboards" in by_hour
        assert by_night.index("crm_project.common.tasks.backup_nightly") < by_night.index(
            "analytics.tasks.score_nightly"
        )
        assert not set(by_hour) & set(by_night)

    @pytest.mark.django_db
    def test_what_staff_switched_off_stays_off(self):
        PeriodicTask.objects.update(enabled=False)

        assert beside.tasks_of("hourly") == beside.tasks_of("nightly") == []

    def test_it_is_said_how_long_each_took_and_what_had_not_ended(self):
        work = beside.Beside([], wait=0)

        work.note({"1": "analytics.tasks.count_signals", "2": "common.tasks.run_job"}, now=10)
        work.note({"1": "analytics.tasks.count_signals", "2": "common.tasks.run_job"}, now=13)
        work.note({"2": "common.tasks.run_job"}, now=40)

        assert work.in_words().endswith(": count_signals 3 s; run_job 30 s and went on.")

    def test_without_work_there_is_nothing_to_say(self):
        with beside.working("", wait=0) as work:
            assert work.in_words() == ""
