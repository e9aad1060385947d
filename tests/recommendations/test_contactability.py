"""May we contact them: each rule of D.2 at its boundary, and one statement for any number."""

import re
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from crm_project.common.exceptions import CrmError
from customers.models import Consent, ContactEvent, ContactPolicy, Customer, SilenceOverride
from customers.selectors.policy import policy_snapshot
from recommendations.selectors.contactability import decide, decide_channels, decide_one
from tests.analytics.support import at
from tests.factories import (
    CampaignFactory,
    ConsentFactory,
    ContactBlockFactory,
    ContactEventFactory,
    CustomerFactory,
    OrderFactory,
)

pytestmark = pytest.mark.django_db

NOW = at("2026-06-15", "12:00")


@pytest.fixture(autouse=True)
def nobody_held_out(db):
    rules(holdout_share=0)


@pytest.fixture
def customer(db):
    return CustomerFactory(code="C1")


def rules(**values):
    ContactPolicy.objects.update(**values)


def of(customer, **asked):
    return decide_one(customer_id=customer.pk, **{"channel": "email", "at": NOW, **asked})


class TestSilence:
    @pytest.mark.parametrize(
        ("contact", "last", "first"),
        [
            # Nothing happens to the clock between the two.
            ("2026-04-01", "2026-08-13", "2026-08-14"),
            # Winter to summer, and summer to winter: an hour less and an hour more, the same day.
            ("2026-01-31", "2026-06-14", "2026-06-15"),
            ("2026-06-28", "2026-11-09", "2026-11-10"),
            # It ends on the very days on which the clock is changed.
            ("2025-11-14", "2026-03-28", "2026-03-29"),
            ("2026-06-12", "2026-10-24", "2026-10-25"),
        ],
    )
    @pytest.mark.parametrize("clock", ["00:00", "23:59"])
    def test_exactly_135_calendar_days_are_enough(self, customer, contact, last, first, clock):
        ContactEventFactory(customer=customer, occurred_at=at(contact, clock))

        before, then = of(customer, at=at(last, "23:59")), of(customer, at=at(first, "00:00"))

        assert (before.allowed, before.code) == (False, "SILENCE")
        assert before.next_allowed_at == at(first, "00:00")
        assert before.words == (
            "Last marketing contact 134 days ago; the silence window is 135 days."
        )
        assert (then.allowed, then.code, then.words) == (True, "", "Nothing speaks against it.")
        assert then.evidence["days_since_contact"] == 135

    @pytest.mark.parametrize(
        "contact",
        [
            {"direction": "inbound", "status": "received"},
            {"purpose": "transactional"},
            {"status": "failed"},
            {"status": "bounced"},
            {"occurred_at": NOW + timedelta(seconds=1)},
        ],
    )
    def test_what_was_no_marketing_that_reached_anybody_does_not_count(self, customer, contact):
        ContactEventFactory(**{"customer": customer, "occurred_at": NOW, **contact})

        found = of(customer)

        assert found.allowed
        assert "days_since_contact" not in found.evidence

    def test_the_exception_that_fits_best_counts(self, customer):
        ContactEventFactory(customer=customer, occurred_at=NOW - timedelta(days=50), channel="sms")
        for channel, scenario, days in (("email", "", 40), ("", "REBUY", 60),
                                        ("email", "REBUY", 50), ("sms", "", 51)):  # fmt: skip
            SilenceOverride.objects.create(channel=channel, scenario=scenario, days=days)

        def window(**asked):
            found = of(customer, **asked)
            return found.allowed, found.evidence["silence_window"], found.evidence["silence_rule"]

        assert window() == (True, 40, "email")
        assert window(scenario="REBUY") == (True, 50, "REBUY and email")
        assert window(scenario="REBUY", channel="post") == (False, 60, "REBUY")
        assert window(scenario="WINBACK", channel="post") == (False, 135, "policy")


class TestOtherRules:
    def test_the_cap_counts_all_campaigns_within_30_days(self, customer):
        rules(silence_window_days=0, frequency_cap=2)
        for days in (30, 29, 1):
            ContactEventFactory(customer=customer, occurred_at=NOW - timedelta(days=days))

        found = of(customer)

        assert (found.code, found.evidence["contacts_counted"]) == ("FREQUENCY_CAP", 2)
        assert found.next_allowed_at == at("2026-06-16", "00:00")
        assert found.words == "2 marketing contacts within 30 days; at most 2 are allowed."

    @pytest.mark.parametrize(
        ("days", "order", "allowed"),
        [(13, {}, False), (14, {}, True), (0, {"status": "pending"}, False),
         (0, {"status": "cancelled"}, True), (0, {"kind": "return"}, True)],
    )  # fmt: skip
    def test_marketing_waits_14_days_after_an_order(self, customer, days, order, allowed):
        OrderFactory(customer=customer, ordered_at=NOW - timedelta(days=days), **order)

        assert of(customer).allowed is allowed
        assert of(customer, purpose="transactional").allowed

    def test_a_refusal_is_obeyed_everywhere_and_a_grant_needed_where_the_shop_says_so(
        self, customer
    ):
        assert of(customer).allowed
        rules(consent_channels=["email"])
        assert of(customer).words == "This channel needs a consent, and there is none."
        consent = ConsentFactory(customer=customer, decided_at=NOW + timedelta(days=1))
        assert of(customer).code == "NO_CONSENT"
        assert of(customer, at=NOW + timedelta(days=1)).allowed
        rules(consent_channels=[])
        Consent.objects.filter(pk=consent.pk).update(status="withdrawn", decided_at=NOW)
        assert (of(customer).words, of(customer).next_allowed_at) == (
            "Consent was withdrawn.",
            None,
        )

    def test_quiet_hours_hold_back_what_is_sent_now_and_not_what_is_planned(self, customer):
        rules(quiet_from=time(21), quiet_until=time(8))
        night = at("2026-06-15", "22:30")

        found = of(customer, at=night)

        assert (found.code, found.next_allowed_at) == ("QUIET_HOURS", at("2026-06-16", "08:00"))
        assert found.words == "Quiet hours: nothing is sent from 21:00 to 08:00."
        assert of(customer, at=night, planned=True).allowed
        assert of(customer, at=at("2026-06-15", "20:59")).allowed
        ContactBlockFactory(
            customer=customer, kind="pause", since=NOW, until=at("2026-07-01", "02:00")
        )
        assert of(customer, at=night).next_allowed_at == at("2026-07-01", "08:00")

    def test_the_holdout_is_the_hash_of_salt_quarter_and_code(self):
        people = Customer.objects.bulk_create(Customer(code=f"H{n}", email="a@b.org")
                                              for n in range(400))  # fmt: skip
        rules(holdout_share="0.050", holdout_salt="pepper")

        def held(moment):
            found = decide(customer_ids=[one.pk for one in people], channel="email", at=moment)
            return {one.code for one in people if found[one.pk].code == "GLOBAL_HOLDOUT"}

        def hashed(quarter):
            return {
                one.code
                for one in people
                if int(sha256(f"pepper{quarter}{one.code}".encode()).hexdigest()[:8], 16) / 2**32
                < 0.05
            }

        assert held(NOW) == held(NOW - timedelta(days=40)) == hashed("2026Q2") != set()
        assert held(NOW + timedelta(days=40)) == hashed("2026Q3") != held(NOW)
        rules(holdout_rotates=False)
        assert held(NOW) == held(NOW + timedelta(days=40)) == hashed("")

    def test_codes_are_told_in_their_order_with_all_that_shows_them(self):
        customer = CustomerFactory(
            is_test=True, is_optout=True, is_bounced=True, email="", status="merged"
        )
        ContactBlockFactory(customer=customer, kind="pause", since=NOW, until=NOW + timedelta(1))
        ContactEventFactory(customer=customer, occurred_at=NOW)
        OrderFactory(customer=customer, ordered_at=NOW, number="A7")
        rules(holdout_share="0.5", frequency_cap=1, consent_channels=["email"],
              holdout_salt=salt_that_holds(customer), quiet_from=time(11),
              quiet_until=time(13))  # fmt: skip

        found = of(customer)

        assert found.codes == (
            "NOT_CONTACTABLE", "OPT_OUT", "BOUNCED", "NO_CHANNEL", "MERGED_OR_DELETED",
            "TEST_ACCOUNT", "GLOBAL_HOLDOUT", "SILENCE", "FREQUENCY_CAP", "RECENT_ORDER",
            "NO_CONSENT", "QUIET_HOURS",
        )  # fmt: skip
        assert found.evidence["flags"] == ["is_optout", "is_bounced"]
        assert found.evidence["blocks"][0]["kind"] == "pause"
        assert found.evidence["last_order"] == "A7"
        assert found.next_allowed_at is None
        assert len(re.findall(r"[.](?: |$)", found.words)) == 12

    def test_a_block_of_one_channel_leaves_the_others_open(self):
        customer = CustomerFactory(phone="+441234567890")
        ContactBlockFactory(customer=customer, channel="sms", since=NOW, reason="COMPLAINT")

        found = decide_channels(customer_id=customer.pk, at=NOW)

        assert {channel: one.code for channel, one in found.items()} == {
            "email": "", "sms": "OPT_OUT", "phone": "", "post": "NO_CHANNEL",
            "telegram": "NO_CHANNEL",
        }  # fmt: skip
        assert found["sms"].words == "Opted out (complained about spam)."


def salt_that_holds(customer):
    return next(
        salt
        for salt in map(str, range(100))
        if int(sha256(f"{salt}2026Q2{customer.code}".encode()).hexdigest()[:8], 16) < 2**31
    )


class TestAsking:
    def test_everybody_asked_about_gets_an_answer_also_who_does_not_exist(self, customer):
        found = decide(customer_ids=[customer.pk, -1], channel="email", at=NOW)

        assert found[customer.pk].allowed
        assert found[-1].words == "There is no such customer."
        assert (found[-1].code, found[-1].next_allowed_at) == ("NOT_CONTACTABLE", None)
        assert decide(customer_ids=[], channel="email") == {}

    def test_a_campaign_is_decided_for_the_moment_of_its_contact(self, customer):
        ContactEventFactory(customer=customer, occurred_at=datetime.now(UTC))
        campaign = CampaignFactory(contact_at=datetime.now(UTC) + timedelta(days=136))
        asked = {"customer_id": customer.pk, "channel": "email"}

        assert decide_one(**asked).code == "SILENCE"
        assert decide_one(**asked, campaign=campaign).allowed
        assert decide_one(**asked, campaign=campaign.pk).at == campaign.contact_at

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"channel": "pigeon"}, "There is no channel 'pigeon'."),
            ({"purpose": "fun"}, "There is no purpose 'fun'."),
            ({"scenarios": ["PARTY"]}, "There is no scenario 'PARTY'."),
            ({"scenarios": []}, "Give a scenario for each customer, or none at all."),
            ({"campaign": 0}, "There is no such campaign."),
        ],
    )
    def test_what_cannot_be_decided_is_refused_in_words(self, customer, wrong, words):
        with pytest.raises(CrmError, match=re.escape(words)):
            decide(**{"customer_ids": [customer.pk], "channel": "email", **wrong})

    def test_a_campaign_of_another_channel_is_refused_by_the_program_and_the_database(
        self, customer
    ):
        campaign = CampaignFactory(channel="sms", code="spring")

        with pytest.raises(CrmError, match="spring is marketing by sms, not marketing by email"):
            of(customer, campaign=campaign)
        with pytest.raises(DatabaseError, match="is not one of this"), transaction.atomic():
            connection.cursor().execute(
                "select * from crm_private.contactability(%s, 'email', 'marketing', %s, now())",
                [[customer.pk], campaign.pk],
            )

    def test_a_run_keeps_the_rules_it_was_decided_by(self):
        SilenceOverride.objects.create(scenario="WINBACK", days=60)
        rules(quiet_from=time(21), quiet_until=time(8))

        kept = policy_snapshot()

        assert kept["silence_overrides"] == [{"scenario": "WINBACK", "channel": "", "days": 60}]
        assert (kept["silence_window_days"], kept["quiet_from"]) == (135, "21:00")


class TestPlans:
    """Whatever the number of customers, it is the same few statements, led by indexes."""

    @pytest.fixture
    def statements(self, db):
        """Plans of all statements that the function runs, with the numbers of their rows."""
        told = []
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("load 'auto_explain'")
        except DatabaseError:
            pytest.skip("this server does not let us look at plans inside functions")
        connection.connection.add_notice_handler(lambda notice: told.append(notice.message_primary))
        with connection.cursor() as cursor:
            cursor.execute(
                "set local auto_explain.log_min_duration = 0;"
                "set local auto_explain.log_nested_statements = on;"
                "set local client_min_messages = log; set local enable_seqscan = off"
            )

        def run(customer_ids):
            told.clear()
            decide(customer_ids=customer_ids, channel="email", at=NOW)
            return [text for text in told if "Query Text" in text]

        return run

    def test_a_thousand_customers_take_the_statements_of_one(self, statements):
        rules(holdout_share="0.5", quiet_from=time(11), quiet_until=time(13))
        people = Customer.objects.bulk_create(Customer(code=f"C{n}") for n in range(1000))
        ContactEvent.objects.bulk_create(
            ContactEvent(customer=one, channel="email", occurred_at=NOW, external_id=one.code)
            for one in people
        )
        ids = [one.pk for one in people]

        one, many = statements(ids[:1]), statements(ids)

        assert len(one) == len(many) <= 12
        asked = max(one, key=len)
        assert "using contact_silence" in asked
        for table in ("customers_contactevent", "orders_order", "customers_contactblock"):
            assert f"Seq Scan on {table}" not in asked
