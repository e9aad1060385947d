"""Staff look at the audit, decide and let lists leave in the admin; nobody else can."""

import pytest
from django.urls import reverse

from crm_project.common.models import Job
from crm_project.common.services.tidying import tidy
from crm_project.common.tasks import run_job
from customers.models import ContactPolicy, Customer
from recommendations.admin import exports as export_pages
from recommendations.models import RecoDecision, RecoExport, RecoItem, RecoRun
from recommendations.services.approvals import decide_run
from recommendations.services.audit import audit
from recommendations.services.exports import export
from tests.analytics.admin_pages import HOSTILE, SUBMITTED, allow
from tests.factories import CampaignFactory, CustomerFactory, ProductFactory, UserFactory
from tests.recommendations.storage import items_of, make_run

pytestmark = pytest.mark.django_db
LIST = reverse("admin:recommendations_recoitem_changelist")
EXPORTS = reverse("admin:recommendations_recoexport_changelist")
AUDIT = reverse("admin:recommendations_audit")


@pytest.fixture(autouse=True)
def _nobody_held_out(db):
    ContactPolicy.objects.update(holdout_share=0)


@pytest.fixture
def run():
    """Two lists of two products; nobody can write to the second customer."""
    one, two = CustomerFactory(code="ANN"), CustomerFactory(code="BOB", is_optout=True)
    goods = [ProductFactory(family=f"f{place}", label=HOSTILE) for place in range(2)]
    found = make_run(
        [(who, what, rank, {"price": 5}) for who in (one, two)
         for rank, what in enumerate(goods, start=1)]
    )  # fmt: skip
    found.quality = {
        "words": HOSTILE, "findings": [{"code": "NO_PURCHASE_DATA", "count": 1, "words": HOSTILE}]
    }  # fmt: skip
    found.save()
    audit(run=found, policy="permissive")
    return found


def page(name, *args, **query):
    url = reverse(f"admin:recommendations_{name}", args=args)
    return f"{url}?{'&'.join(f'{key}={value}' for key, value in query.items())}" if query else url


def customer_page(key):
    return reverse("admin:customers_customer_change", args=[key])


def text(client, url, **data):
    response = client.get(url, data)
    assert response.status_code == 200, url
    found = response.content.decode()
    assert HOSTILE not in found
    return found


def said(client, url, data):
    """Send a form, follow it, and return the messages."""
    response = client.post(url, data, follow=True)
    assert response.status_code == 200
    return " ".join(map(str, response.context["messages"]))


def work():
    """Do the job that a page put into the queue."""
    job = Job.objects.latest("created_at")
    run_job(str(job.pk))
    return job


def states(run):
    return [item.status for item in items_of(run)]


def test_pages_without_anything_say_what_to_do(admin_client):
    assert "Nothing was recommended yet" in text(admin_client, AUDIT)
    assert "Nothing has left yet" in text(admin_client, EXPORTS)
    assert "Nobody decided" in text(admin_client, page("recodecision_changelist"))
    bare = make_run([(CustomerFactory(), ProductFactory(), 1)])
    assert "not audited yet" in text(admin_client, page("audit", run=bare.pk))
    assert "not audited yet" in text(admin_client, page("decide", bare.pk))
    assert "no campaign that is not over" in text(admin_client, page("export", bare.pk))
    assert "Audit now" in text(admin_client, AUDIT)


def test_an_item_is_approved_rejected_and_flagged_on_its_page(admin_client, run):
    first, second, *_ = items_of(run)
    here = page("recoitem_change", first.pk)
    assert page("recoitem_approve", first.pk) in text(admin_client, here)

    admin_client.post(page("recoitem_approve", first.pk), {**SUBMITTED, "comment": "Fits"})
    refused = admin_client.post(page("recoitem_reject", second.pk), SUBMITTED)
    assert "This field is required" in refused.content.decode()
    why = {**SUBMITTED, "comment": HOSTILE}
    admin_client.post(page("recoitem_flag", second.pk), why)
    assert states(run) == ["approved", "flagged", "pending", "pending"]
    # A button that would change nothing is not there, and is refused.
    assert page("recoitem_approve", first.pk) not in text(admin_client, here)
    again = admin_client.post(page("recoitem_approve", first.pk), SUBMITTED)
    assert again.status_code == 403

    admin_client.post(page("recoitem_reject", second.pk), {**why, "whole_list": "on"})
    assert states(run)[:2] == ["rejected", "rejected"]
    log = text(admin_client, page("recodecision_changelist"), q="ANN")
    assert log.count("Fits") == 1
    assert [made.level for made in RecoDecision.objects.order_by("id")] == ["item", "item", "list"]


def test_ticked_products_are_decided_on_together_after_one_more_question(admin_client, run):
    ids = [item.pk for item in items_of(run)][:3]
    ticked = {"action": "reject_selected", "_selected_action": ids}

    asked = admin_client.post(LIST, ticked)
    assert "Reject 3 products" in asked.content.decode()
    assert states(run) == ["pending"] * 4
    without = admin_client.post(LIST, {**ticked, "confirmed": "1"})
    assert "This field is required" in without.content.decode()

    words = said(admin_client, LIST, {**ticked, "confirmed": "1", "comment": "Old stock"})
    assert words == "3 products are rejected."
    assert states(run) == ["rejected"] * 3 + ["pending"]
    assert "already" in said(admin_client, LIST, ticked)


def test_a_list_and_a_run_are_decided_on_with_the_numbers_in_sight(admin_client, run):
    ann = Customer.objects.get(code="ANN")
    tab = text(admin_client, f"{customer_page(ann.pk)}?tabs=all")
    assert "Flag the list" in tab
    here = page("decide", run.pk, customer="ANN", decision="flagged")
    assert "100 points" in text(admin_client, here)
    assert "This field is required" in admin_client.post(here, {}).content.decode()
    assert said(admin_client, here, {"comment": "Odd"}) == "2 products are flagged."

    here = page("decide", run.pk, decision="approved")
    assert "Approve everything" in text(admin_client, here)
    assert said(admin_client, here, {}) == "2 products are approved."
    assert states(run) == ["flagged", "flagged", "approved", "approved"]
    assert "Nothing of this run waits" in text(admin_client, here)
    for strange in ({"decision": "pending"}, {"customer": "NOBODY"}):
        assert admin_client.get(page("decide", run.pk), strange).status_code == 404


def test_only_lists_that_passed_are_approved_if_that_is_asked_for(admin_client, run):
    here = page("decide", run.pk, decision="approved")
    assert said(admin_client, here, {"only_passing": "1"}) == "2 products are approved."
    assert states(run) == ["approved", "approved", "pending", "pending"]


def test_four_eyes_and_a_closed_gate_are_said_in_words_and_change_nothing(
    admin_client, admin_user, run
):
    RecoRun.objects.update(created_by=admin_user, gate=run.gate | {"policy": "strict"})
    first = items_of(run)[0]
    here = page("decide", run.pk, decision="approved")
    refused = text(admin_client, here)
    assert "somebody else approves" in refused
    assert "Approve everything" not in refused
    assert "You started run" in said(admin_client, here, {})
    item = page("recoitem_approve", first.pk)
    assert "You started run" in said(admin_client, item, SUBMITTED)
    again = page("audit_again", run.pk)
    assert "Only somebody else" in said(admin_client, again, {"policy": "standard"})
    assert not Job.objects.exists()

    shut = run.gate | {"passed": False, "reasons": ["Too few lists."]}
    RecoRun.objects.update(gate=shut)
    assert "Too few lists" in text(admin_client, AUDIT)
    assert "Too few lists" in text(admin_client, page("recorun_change", run.pk))
    assert "Too few lists" in said(admin_client, here, {})
    assert states(run) == ["pending"] * 4


def test_the_first_audit_from_the_page_takes_the_policy_of_the_settings(
    admin_client, run, settings
):
    settings.CRM_GATE_POLICY = "strict"
    RecoRun.objects.update(gate={})

    page_of_it = admin_client.get(AUDIT)

    assert page_of_it.context["form"]["policy"].initial == "strict"
    RecoRun.objects.update(gate=run.gate)
    assert admin_client.get(AUDIT).context["form"]["policy"].initial == "permissive"


def test_the_audit_page_shows_gate_findings_whom_they_are_about_and_decisions(
    admin_client, admin_user, run, django_assert_max_num_queries
):
    decide_run(run=run, decision="approved", user=admin_user, comment=HOSTILE)
    with django_assert_max_num_queries(25):
        shown = text(admin_client, AUDIT)
    for part in ("Passed.", "Policy “permissive”", "OPTOUT_OR_BOUNCE", "NO_PURCHASE_DATA",
                 "Lists by their score", "the whole run", "Audit again", "Export …",
                 f"?run={run.pk}&amp;status=approved"):  # fmt: skip
        assert part in shown, part
    who = text(admin_client, AUDIT, run=run.pk, code="OPTOUT_OR_BOUNCE")
    assert ">BOB</a>" in who
    assert ">ANN</a>" not in who
    bob = Customer.objects.get(code="BOB").pk
    nobody = text(admin_client, AUDIT, code="OPTOUT_OR_BOUNCE", after=f"{bob}-99")
    assert "nobody further on" in nobody
    for strange in ({"after": "x-\x00"}, {"code": HOSTILE}):
        text(admin_client, AUDIT, **{"code": "OPTOUT_OR_BOUNCE", **strange})
    assert admin_client.get(AUDIT, {"run": "99999"}).status_code == 404

    RecoRun.objects.update(items_dropped_at=run.finished_at, is_current=False)
    thinned = text(admin_client, page("audit", run=run.pk))
    assert "thinned out" in thinned
    assert "Audit again" not in thinned


def test_an_audit_and_an_export_are_started_as_jobs_that_lead_to_what_they_made(
    admin_client, admin_user, run
):
    campaign = CampaignFactory(code="spring", holdout_share=0)
    decide_run(run=run, decision="approved", user=admin_user)
    admin_client.post(page("audit_again", run.pk), {"policy": "standard"})
    job = work()
    assert RecoRun.objects.get().gate["policy"] == "standard"
    shown = text(admin_client, reverse("admin:common_job_change", args=[job.pk]))
    assert page("run_audit", run.pk) in shown
    assert admin_client.get(page("run_audit", run.pk)).url == page("audit", run=run.pk)
    RecoRun.objects.update(gate=run.gate)

    here = page("export", run.pk)
    assert "Preview" in text(admin_client, here)
    look = text(admin_client, here, campaign="spring", segment="")
    assert "1 customers with 2 products would leave" in look
    assert "Did not pass the audit" in look
    assert not RecoExport.objects.exists()
    assert "Select a valid choice" in text(admin_client, here, campaign="winter")
    assert "Null characters" in text(admin_client, here, campaign="winter\x00")

    admin_client.post(here, {"campaign": "spring", "segment": ""})
    job = work()
    made = RecoExport.objects.get()
    assert (made.campaign, made.customers, made.rows) == (campaign, 1, 2)
    assert page("recoexport_change", made.pk) in text(
        admin_client, reverse("admin:common_job_change", args=[job.pk])
    )
    assert "Left for this campaign before" in text(admin_client, here, campaign="spring")


def test_a_page_of_many_lists_says_that_it_believes_the_last_audit(
    admin_client, admin_user, run, monkeypatch
):
    CampaignFactory(code="spring", holdout_share=0)
    decide_run(run=run, decision="approved", user=admin_user)
    assert "asked again at the export" in text(
        admin_client, page("export", run.pk), campaign="spring"
    )

    monkeypatch.setattr(export_pages, "MOST_JUDGED", -1)

    shown = text(admin_client, page("export", run.pk), campaign="spring")
    assert "Lists as the last audit found them" in shown
    assert "1 customers with 2 products would leave" in shown


@pytest.mark.usefixtures("uploads")
def test_an_export_shows_its_manifest_and_gives_its_file_until_it_is_thinned(
    admin_client, admin_user, run, settings
):
    decide_run(run=run, decision="approved", user=admin_user)
    made = export(run=run, campaign=CampaignFactory(holdout_share=0), user=admin_user)
    here, file = page("recoexport_change", made.pk), page("export_file", made.pk)

    shown = text(admin_client, here)
    for part in (made.sha256, "Download the file", "Did not pass the audit", ">ANN</a>"):
        assert part in shown, part
    answer = admin_client.get(file)
    assert answer["Content-Type"].startswith("text/csv")
    assert b"".join(answer).startswith(b"customer,name")
    assert "kept" in text(admin_client, EXPORTS)

    settings.CRM_EXPORT_FILE_DAYS = 0
    assert tidy().removed == 1
    shown = text(admin_client, here)
    assert "The file was thinned" in shown
    assert "Download the file" not in shown
    assert "kept no longer" in " ".join(
        map(str, admin_client.get(file, follow=True).context["messages"])
    )


def test_who_may_only_look_is_shown_no_button_and_is_refused(client, run, admin_user):
    decide_run(run=run, decision="approved", user=admin_user, only_passing=True)
    made = export(run=run, campaign=CampaignFactory(holdout_share=0), user=admin_user)
    reader = UserFactory(staff=True)
    allow(reader, "view_recorun", "view_recoitem", "view_recoaudit", "view_recoexport",
          "view_customer")  # fmt: skip
    client.force_login(reader)
    item = RecoItem.objects.filter(run=run).last()
    customer = f"{customer_page(item.customer_id)}?tabs=all"
    shown = [text(client, url) for url in (
        AUDIT, LIST, customer, page("recorun_change", run.pk), page("recoitem_change", item.pk),
        page("recoexport_change", made.pk),
    )]  # fmt: skip
    buttons = ["/decide/", "/audit/again/", f"{run.pk}/export/", "file.csv", "approve_selected",
               *[page(f"recoitem_{name}", item.pk) for name in ("approve", "reject", "flag")],
    ]  # fmt: skip
    for button in buttons:
        assert not [one for one in shown if button in one], button
    refused = [
        client.post(page("decide", run.pk), {}),
        client.post(page("audit_again", run.pk), {}),
        client.post(page("export", run.pk), {}),
        client.get(page("export_file", made.pk)),
        *[client.post(page(f"recoitem_{name}", item.pk), {**SUBMITTED, "comment": "x"})
          for name in ("approve", "reject", "flag")],
    ]  # fmt: skip
    assert {answer.status_code for answer in refused} == {403}
    client.post(
        LIST, {"action": "approve_selected", "_selected_action": [item.pk], "confirmed": "1"}
    )
    item.refresh_from_db()
    assert item.status == "pending"

    client.force_login(UserFactory(staff=True))
    strangers = [AUDIT, EXPORTS, page("audit", run=run.pk), page("recoexport_change", made.pk),
                 page("recodecision_changelist")]  # fmt: skip
    assert {client.get(url).status_code for url in strangers} == {403}
