"""Runs with items for tests, written through the same storage functions as real ones."""

import json

from django.db import connection, transaction
from django.utils import timezone

from recommendations.models import RecoConfig, RecoItem, RecoRun

REASONS = {
    "scenario": "REBUY",
    "slot": "repeat",
    "components": {
        "model": {
            "value": 0.9,
            "weight": 3.0,
            "points": 60.0,
            "evidence": "bought in 4 of 5 orders",
        },
        "budget": {"value": 0.5, "weight": 2.0, "points": 20.0, "evidence": "usual price 4.00"},
    },
    "missing": ["taste"],
    "penalties": {},
    "model": {"name": "decayed", "because_of": []},
    "eligibility": {"days_since_contact": None, "silence_window": 135},
}


def make_config(*, hash="0" * 64, **values):
    """Return the active settings, made once."""
    found = RecoConfig.objects.filter(hash=hash).first()
    return found or RecoConfig.objects.create(
        name="test",
        values=values,
        hash=hash,
        status=RecoConfig.Status.ACTIVE,
        activated_at=timezone.now(),
    )


def make_run(items, *, exclusions=(), as_of=None, current=True, **fields):
    """Store a run that succeeded.

    ``items``: (customer, product, rank) with any further columns as a dict at the end;
    ``exclusions``: (customer, stage, code, details).
    """
    run = RecoRun.objects.create(
        as_of=as_of or timezone.localdate(),
        time_zone="Europe/London",
        config=fields.pop("config", None) or make_config(),
        **fields,
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select crm_private.reco_open(%s)", [run.pk])
        for ordinal, (customer, product, rank, *more) in enumerate(items):
            row = {"scenario": "REBUY", "slot": "repeat", "score": 80, "price": None}
            row |= {"reasons": REASONS, **(more[0] if more else {})}
            cursor.execute(
                f"insert into recommendations_recoitem_{run.pk}"  # noqa: S608 - a number
                " (id, run_id, customer_id, product_id, rank, scenario, slot, score, price,"
                " reasons) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (run.pk << 32) + ordinal,
                    run.pk,
                    customer.pk,
                    product.pk,
                    rank,
                    row["scenario"],
                    row["slot"],
                    row["score"],
                    row["price"],
                    json.dumps(row["reasons"]),
                ],
            )
        for customer, stage, code, details in exclusions:
            cursor.execute(
                f"insert into recommendations_recoexclusion_{run.pk}"  # noqa: S608 - a number
                " (customer_id, run_id, stage, code, details) values (%s, %s, %s, %s, %s)",
                [customer.pk, run.pk, stage, code, json.dumps(details)],
            )
        cursor.execute("select crm_private.reco_seal(%s)", [run.pk])
        cursor.execute("select crm_private.reco_attach(%s)", [run.pk])
        if current:
            RecoRun.objects.filter(is_current=True).update(is_current=False)
        RecoRun.objects.filter(pk=run.pk).update(
            status=RecoRun.Status.SUCCEEDED, is_current=current, finished_at=timezone.now()
        )
    run.refresh_from_db()
    return run


def items_of(run):
    return list(RecoItem.objects.filter(run=run).order_by("id"))
