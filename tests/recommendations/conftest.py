"""What tests of exports and decisions begin with."""

import pytest

from customers.models import ContactPolicy
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
