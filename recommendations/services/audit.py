"""Audit the lists of a run: each customer's by the rules, and the run as a whole against a policy.

An audit may be repeated at any time, and should be before an export: people unsubscribe, articles
run out. All is written in one transaction, so readers see the former audit or the new one, whole.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from analytics.selectors.segmentation_values import end_of
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.models import User
from crm_project.common.services import refresh
from customers.models import Purpose
from recommendations.models import RecoRun
from recommendations.scoring import audit_rules as rules
from recommendations.scoring.settings import RecoSettings
from recommendations.selectors.run_plan import settings_of_run
from recommendations.selectors.shop_products import out_of_season
from recommendations.services import audit_run_sql as run_sql
from recommendations.services import audit_sql as sql

STEP = "recommendation audit"

CHUNK = 20_000
"""Customers looked at in one statement: the memory that an audit needs does not grow with all."""

_LOCK = 7_264_041
"""First number of the advisory locks of runs: audits, decisions and exports of one run exclude
one another; the second number is the run's."""


class FourEyesError(CrmError):
    """Whoever started a run cannot approve it under this policy; somebody else has to look."""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit found.

    Attributes:
        findings: by code: how many, and about how many customers.
        gate: policy, whether the run passed, and why not.
        checks: of the run as a whole.
    """

    run: RecoRun
    customers: int
    exportable: int
    mean_score: float | None
    findings: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    gate: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Return the result in a sentence."""
        mean = "" if self.mean_score is None else f"; mean score {self.mean_score:.1f}"
        passed = "passed" if self.gate.get("passed") else "not passed"
        return (
            f"{self.exportable:,} of {self.customers:,} lists may leave{mean}; "
            f"gate ({self.gate.get('policy')}): {passed}."
        )


def audit(
    *,
    run: RecoRun,
    policy: str | None = None,
    channel: str | None = None,
    at: datetime | None = None,
    user: User | None = None,
    progress: Progress | None = None,
) -> AuditResult:
    """Check every list of a run and the run itself; what was found before is replaced.

    Args:
        policy: ``strict``, ``standard`` or ``permissive``; by default that of the last audit of
            the run, else ``CRM_GATE_POLICY``.
        channel: over which customers would be contacted; by default ``CRM_RECOMMEND_CHANNEL``.
        at: the moment at which contact and purchases are judged; by default now.

    Raises ``CrmError`` for a run without items and an unknown policy, ``FourEyesError`` where who
    started the run would free it of the second pair of eyes, and ``ConflictError`` while the run
    is audited, decided on or exported by somebody else.
    """
    chosen = policy_of(policy or run.gate.get("policy") or settings.CRM_GATE_POLICY)
    check_kept(run)
    moment = at or timezone.now()
    with refresh.record(STEP, as_of=end_of(run.as_of)) as state:
        with transaction.atomic():
            lock_run(run)
            check_may_choose(run=run, policy=chosen.name, user=user)
            result = _audit(run, chosen, channel, moment, user, progress)
        state.rows = result.customers
    return result


def policy_of(name: str) -> rules.Policy:
    """Return a gate policy. Raises ``CrmError`` for one that does not exist."""
    try:
        return rules.POLICIES[name]
    except KeyError:
        known = ", ".join(rules.POLICIES)
        raise CrmError(f"There is no gate policy {name!r}. The policies are: {known}.") from None


def check_may_choose(*, run: RecoRun, policy: str | None, user: User | None) -> None:
    """Refuse, in words, that who started a run takes it from under a policy with four eyes.

    Whoever could do that could approve the own run after all. Raises ``FourEyesError``, and
    ``CrmError`` for a policy that does not exist.
    """
    now = policy_of(run.gate.get("policy") or settings.CRM_GATE_POLICY)
    own = user is not None and run.created_by_id == user.pk
    if own and policy and now.four_eyes and not policy_of(policy).four_eyes:
        raise FourEyesError(
            f"You started run {run.pk}. Only somebody else may audit it under a policy that is "
            f"less than {now.name}."
        )


def check_kept(run: RecoRun) -> None:
    """Refuse a run that has no items to look at."""
    if run.status != RecoRun.Status.SUCCEEDED:
        raise CrmError(f"Run {run.pk} did not succeed; it has nothing to look at.")
    if run.items_dropped_at is not None:
        raise CrmError(f"The items of run {run.pk} were thinned out; only its counts remain.")


def lock_run(run: RecoRun) -> None:
    """Keep other audits, decisions and exports of the run away until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [_LOCK, run.pk])
        free = cursor.fetchone()[0]
    if not free:
        raise ConflictError(
            f"Run {run.pk} is being audited, decided on or exported right now; try again soon."
        )
    # What was read before the lock may have changed meanwhile.
    run.refresh_from_db()
    check_kept(run)


def parameters(run: RecoRun, *, at: datetime, reco: RecoSettings) -> dict[str, Any]:
    """Return what the statements of the audit need, apart from the customers."""
    day = timezone.localtime(_before(at)).date()
    return {
        "run": run.pk,
        "at": at,
        "at_day": day,
        "out_of_season": out_of_season(day),
        "then": end_of(run.as_of),
        "zone": settings.TIME_ZONE,
        "exclusion_days": reco.recent_purchase_exclusion_days,
        "require_price": reco.require_price,
        "has_money": _has_money(),
        "gate": reco.audit["gate_min_score"],
        "error_penalty": reco.audit["error_penalty"],
        "warn_penalty": reco.audit["warn_penalty"],
        "contact": sorted(rules.CONTACT_FINDINGS),
    }


def chunks(run: RecoRun) -> Iterator[tuple[int, int, int]]:
    """Yield ranges of customers with a list: lowest id, highest id, how many."""
    with connection.cursor() as cursor:
        cursor.execute(sql.CHUNKS, {"run": run.pk, "size": CHUNK})
        yield from cursor.fetchall()


def _before(moment: datetime) -> datetime:
    """Return the last moment before: the end of a day belongs to that day."""
    return moment - timedelta(microseconds=1)


def _has_money() -> bool:
    """Return whether anything was ever paid: a shop of ratings counts pieces instead."""
    return bool(
        _one("select exists (select from orders_order where kind = 'sale' and net_amount > 0)")[0]
    )


def _audit(
    run: RecoRun,
    policy: rules.Policy,
    channel: str | None,
    at: datetime,
    user: User | None,
    progress: Progress | None,
) -> AuditResult:
    params = parameters(run, at=at, reco=settings_of_run(run)) | {
        "channel": channel or getattr(settings, "CRM_RECOMMEND_CHANNEL", "email"),
        "purpose": Purpose.MARKETING.value,
    }
    _write(run, params, progress)
    figures = _figures(params)
    checks = rules.run_checks(figures, _before_run(run))
    tested = rules.backtest_check(mode=run.mode, tested=run.backtest_id is not None)
    findings, customers, exportable, mean = _counts(run)
    run.gate = rules.gate(policy, figures, checks, backtest=tested)
    run.checks = {
        "audited_at": at.isoformat(),
        # An audit of a past day is as of that day, however often it is made.
        "made_at": timezone.now().isoformat(),
        "audited_by": user.get_username() if user else "",
        "channel": params["channel"],
        "customers": customers,
        "exportable": exportable,
        "mean_score": mean,
        "findings": findings,
        "checks": [asdict(check) for check in checks],
        "summary": rules.summary(figures),
    }
    run.save(update_fields=["gate", "checks"])
    return AuditResult(run, customers, exportable, mean, findings, run.gate, run.checks)


def _write(run: RecoRun, params: dict[str, Any], progress: Progress | None) -> None:
    with connection.cursor() as cursor:
        for table in ("audititem", "recoaudit"):
            cursor.execute(f"delete from recommendations_{table} where run_id = %s", [run.pk])  # noqa: S608 - our own two tables
        parts = list(chunks(run))
        total, done = sum(part[2] for part in parts), 0
        for low, high, customers in parts:
            if progress is not None:
                progress(done, total, "Checking the lists")
            here = params | {"low": low, "high": high}
            cursor.execute(sql.WRITE, here)
            cursor.execute(sql.WRITE_CONTACT, here | {"at": _before(params["at"])})
            cursor.execute(sql.SUM_UP, here)
            done += customers
        if progress is not None:
            progress(total, total, "Judging the run as a whole")


def _figures(params: dict[str, Any]) -> rules.RunFigures:
    row = _one(run_sql.FIGURES, params)
    with_list, without, offerable, times, scenarios, scores, mean, audited, leaks = row
    return rules.RunFigures(
        eligible=with_list + without,
        with_list=with_list,
        offerable=offerable,
        times=times,
        scenarios=_json(scenarios),
        scores=scores,
        mean_item_score=_rounded(mean),
        mean_audit_score=_rounded(audited),
        leaks=leaks,
    )


def _before_run(run: RecoRun) -> dict[str, Any]:
    """Return what the newest earlier audited run of all customers looked like."""
    earlier = RecoRun.objects.succeeded().filter(
        pk__lt=run.pk, as_of__lte=run.as_of, customers_chosen__isnull=True
    )
    found = earlier.exclude(checks={}).order_by("-as_of", "-pk").values_list("checks", flat=True)
    checks: dict[str, Any] = found.first() or {}
    summary: dict[str, Any] = checks.get("summary", {})
    return summary


def _counts(run: RecoRun) -> tuple[dict[str, tuple[int, int]], int, int, float | None]:
    by_code, customers, exportable, mean = _one(run_sql.COUNTS, {"run": run.pk})
    findings = {code: (found[0], found[1]) for code, found in sorted(_json(by_code).items())}
    return findings, customers, exportable, _rounded(mean)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _json(value: Any) -> dict[str, Any]:
    """Return a JSON column of a plain statement: the driver gives it as text, or parsed."""
    found: dict[str, Any] = json.loads(value) if isinstance(value, str) else (value or {})
    return found


def _one(query: str, params: Any = None) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
