"""One row or more of everything that has a page or an address, and who might ask for it."""

from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import AnonymousUser, Group
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule

from analytics.models import (
    CustomerEmbedding,
    CustomerProfile,
    EmbeddingModel,
    PipelineRun,
    ProductEmbedding,
    SignalScore,
)
from analytics.services.embeddings import embed_customers
from analytics.services.profiles import refresh_profiles
from analytics.services.rfm import score_rfm
from analytics.services.saved_segment_exports import export_members
from analytics.services.saved_segments import archive_saved_segment
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_reports import refresh_signal_reports
from analytics.services.signal_store import store
from crm_project.common.models import ApiToken, BackupRun, DrillRun
from crm_project.common.services.tokens import issue_token
from customers.models import Campaign, Customer
from orders.services.label_decisions import reject
from recommendations.models import (
    BacktestRun,
    OutcomeEvent,
    OutcomeWindow,
    RecoConfig,
    RecoExport,
)
from recommendations.services.approvals import decide_item
from recommendations.services.uplift import report
from tests.analytics.embedding_support import wine_shop
from tests.analytics.pages_data import comparison, metrics_run, segmentation
from tests.analytics.saved_segments import ANYBODY, segment
from tests.analytics.signals import envelope
from tests.factories import (
    CampaignFactory,
    ConsentFactory,
    ContactBlockFactory,
    ContactEventFactory,
    CustomerAliasFactory,
    CustomerFactory,
    ImportBatchFactory,
    JobFactory,
    LabelSuggestionFactory,
    OrderFactory,
    ProductAliasFactory,
    RefreshStateFactory,
    RefusedRowFactory,
    UserFactory,
)
from tests.recommendations.export_support import listed
from tests.recommendations.outcome_support import drawn
from tests.recommendations.storage import items_of

STRANGER = "stranger"
SUPERUSER = "superuser"
UNDECIDED = 2
"""The rank of the recommendation that nobody has decided on; the first is approved."""


def people():
    """Return who asks, by name: nobody, somebody, staff without a right, groups, a superuser."""
    found = {
        STRANGER: AnonymousUser(),
        "person": UserFactory(username="person"),
        "staff": UserFactory(staff=True, username="staff"),
    }
    for group in Group.objects.filter(name__in=GROUPS):
        found[group.name] = UserFactory(staff=True, username=group.name.lower())
        found[group.name].groups.add(group)
    found[SUPERUSER] = UserFactory(admin=True, username="superuser")
    return {name: found[name] for name in NAMES}


GROUPS = ("Viewer", "Steward", "Marketer", "Approver", "Operator")
NAMES = (STRANGER, "person", "staff", *GROUPS, SUPERUSER)


def fill():
    """Make the rows. Values do not matter here, only that there is something to ask for."""
    superuser = UserFactory(admin=True, username="owner")
    issue_token(user=superuser, name="a token", scopes=["customers:read"])
    _shop()
    score_rfm()
    groups, taste = segmentation("rfm"), segmentation("taste")
    comparison(groups, taste)
    metrics_run()
    PipelineRun.objects.create(as_of=timezone.localdate())
    JobFactory(created_by=superuser)
    RefreshStateFactory()
    _sign_ins()
    now = timezone.now()
    BackupRun.objects.create(name="b", started_at=now, finished_at=now)
    DrillRun.objects.create(started_at=now, finished_at=now)
    saved = segment("saved", ANYBODY, built=True)
    archive_saved_segment(segment_id=segment("archived", ANYBODY).pk)
    list(export_members(segment=saved, user=None, way="api", personal=True))
    _recommendations(superuser)
    assert ApiToken.objects.exists()


def _sign_ins():
    seen = {"ip_address": "192.0.2.1", "username": "x", "user_agent": "", "http_accept": ""}
    AccessLog.objects.create(path_info="/", **seen)
    AccessAttempt.objects.create(
        path_info="/", get_data="", post_data="", failures_since_start=1, **seen
    )
    ClockedSchedule.objects.create(clocked_time=timezone.now())


def _shop():
    wine_shop(1)
    customer = CustomerFactory(code="C1")
    OrderFactory(customer=customer, items=1)
    CustomerAliasFactory(customer=customer)
    ConsentFactory(customer=customer)
    ContactBlockFactory(customer=customer)
    ContactEventFactory(customer=customer, campaign=CampaignFactory(code="spring"))
    ProductAliasFactory()
    LabelSuggestionFactory()
    reject(ids=[LabelSuggestionFactory().pk], user=None)
    RefusedRowFactory(batch=ImportBatchFactory(status="previewed", lines=3, new=2, refused=1))
    store([envelope(customer="C1", message_id="m1")])
    quarantine(envelope("x", "y"), "missing", "A field is missing.")
    refresh_signal_reports()
    embed_customers(all=True)
    refresh_profiles()
    EmbeddingModel.objects.create(
        name="next", provider="local", dimension=8, template="t", status="ready"
    )
    assert SignalScore.objects.exists()
    assert CustomerEmbedding.objects.exists()
    assert ProductEmbedding.objects.exists()
    assert CustomerProfile.objects.exists()


def _recommendations(user):
    campaign, customer = Campaign.objects.get(code="spring"), Customer.objects.get(code="C1")
    run = listed(customer, products=UNDECIDED)
    decide_item(item_id=items_of(run)[0].pk, decision="approved", user=user)
    RecoExport.objects.create(
        run=run,
        campaign=campaign,
        channel="email",
        purpose="marketing",
        manifest={},
        sha256="0" * 64,
        customers=1,
        rows=1,
    )
    RecoConfig.objects.create(name="draft", values={}, hash="1" * 64)
    drawn(campaign, customer)
    OutcomeEvent.objects.create(
        customer=customer, kind="accepted", occurred_at=timezone.now(), item_id=items_of(run)[0].pk
    )
    BacktestRun.objects.create(as_of=timezone.localdate())
    OutcomeWindow.objects.create(scenario="REBUY", days=30)
    report()
