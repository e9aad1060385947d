"""What tests of exports, decisions and outcomes begin with."""

from functools import partial

import pytest

from customers.models import ContactPolicy
from recommendations.scoring import uplift
from recommendations.scoring.intervals import bootstrap
from tests.factories import CampaignFactory, UserFactory


@pytest.fixture
def nobody_held_out(db):
    ContactPolicy.objects.update(holdout_share=0)


@pytest.fixture
def user(db):
    return UserFactory(staff=True)


@pytest.fixture
def campaign(db):
    return CampaignFactory(code="spring", holdout_share=0)


@pytest.fixture
def a_large_lift_is_worth_knowing(settings, monkeypatch):
    settings.CRM_SMALLEST_LIFT = 0.5
    # What the intervals hold is counted elsewhere; here they only have to be there.
    monkeypatch.setattr(uplift, "bootstrap", partial(bootstrap, draws=200))
