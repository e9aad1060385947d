"""All predictions for a shop as of a day: guard rails, back-tests, choice, numbers, and words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analytics.scoring.clv_backtest import BackTest, back_test, predict
from analytics.scoring.clv_bg import Fit
from analytics.scoring.clv_candidates import LABELS, NotUsableError
from analytics.scoring.clv_guard import Guard, guard_rails
from analytics.scoring.clv_histories import FloatArray
from analytics.scoring.clv_ledger import Ledger
from analytics.scoring.clv_likelihood import Kind
from analytics.scoring.clv_money import DAYS as MONEY_DAYS
from analytics.scoring.clv_money import WEEKS, MoneyTest, buying_model, money_test, value_model
from analytics.scoring.clv_past import Archive
from analytics.scoring.clv_snapshot import Snapshot, snapshot
from analytics.scoring.clv_value import ValueFit, ltv

SAMPLE = 12_000
"""Customers on whom earlier days are predicted; the predictions themselves are for all."""

SHORT, LONG = 30, 90
"""Days ahead: of the purchase probability, and of churn."""

BANDS = ("", "low", "medium", "high")
BAND_ODDS = 2.0
"""Odds of leaving against the shop's own: from so many times on high, below the inverse low."""

EDGE = 1e-4
"""No chance is given as less, or as more than 1 less this: no shop's data could tell."""

FLAGS = ("ok", "one_order", "no_value", "small_shop", "none", "no_money")


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """One entry per customer; NaN: not known. Probabilities 0 to 1, money in the shop's currency.

    ``band`` and ``flag`` are places in BANDS and FLAGS.
    """

    churn: FloatArray
    chance_30d: FloatArray
    chance_90d: FloatArray
    orders_90d: FloatArray
    ltv: FloatArray
    order_value: FloatArray
    money_90d: FloatArray
    band: npt.NDArray[np.int32]
    flag: npt.NDArray[np.int32]


@dataclass(slots=True)
class Findings:
    """What the predictions of a day rest on.

    ``models``: code of the model by use (30, 90, "value"); missing: no numbers. ``rates``: share of
    buyers expected, by days. ``bands``: base rate and borders of the churn bands.
    """

    guard: Guard
    tests: dict[int, BackTest] = field(default_factory=dict)
    models: dict[int | str, str] = field(default_factory=dict)
    fits: dict[Kind, Fit] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)
    values: ValueFit | None = None
    money: MoneyTest | None = None
    bands: dict[str, float] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The customers, what was found, and the numbers."""

    then: Snapshot
    numbers: Numbers
    findings: Findings


def predict_shop(
    ledger: Ledger,
    as_of: int,
    *,
    annual_rate: float = 0.1,
    margin: float = 1.0,
    tell: Callable[[str], None] = lambda _: None,
) -> Predictions:
    """Predict for every customer with a purchase up to the end of ``as_of``.

    ``ledger`` must hold no row after ``as_of``. Where there is too little data, every number is
    NaN, and the words say why. ``annual_rate``, ``margin``: see ``ltv``.
    """
    then = snapshot(ledger, as_of)
    findings = Findings(guard_rails(then.h))
    numbers = _unknown(len(then))
    if not findings.guard.allowed:
        findings.words = ["No predictions: there is too little data.", *findings.guard.words]
        return Predictions(then, numbers, findings)
    archive = Archive(ledger.sampled(SAMPLE))
    # The matrices are small: a second thread costs more than it brings, much more on a busy host.
    with threadpool_limits(limits=1):
        _back_tests(archive, as_of, findings, tell)
        tell("Fitting the models")
        _fit(archive, then, findings)
        _chances(archive, then, findings, numbers)
        tell("Predicting money")
        _money(archive, then, findings, numbers, annual_rate=annual_rate, margin=margin)
    _flags(then, findings, numbers)
    findings.words = [*findings.guard.words, *findings.words]
    return Predictions(then, numbers, findings)


def _unknown(customers: int) -> Numbers:
    churn, short, long, orders, year, worth, money = np.full((7, customers), np.nan)
    band = np.zeros(customers, np.int32)
    flag = np.full(customers, FLAGS.index("none"), np.int32)
    return Numbers(churn, short, long, orders, year, worth, money, band, flag)


def _back_tests(
    archive: Archive, as_of: int, findings: Findings, tell: Callable[[str], None]
) -> None:
    for days in (SHORT, LONG):
        findings.tests[days] = back_test(archive, as_of, days, tell)
        findings.words.append(findings.tests[days].why)


def _fit(archive: Archive, then: Snapshot, findings: Findings) -> None:
    """Fit both models of buying on all customers, and say so where one is of no use."""
    kind: Kind
    for kind in ("mbg", "bg"):
        findings.fits[kind] = archive.fit(kind, then.day, then.h)
        if findings.fits[kind].degenerate:
            findings.words.append(f"{findings.fits[kind].words} It is not used.")


def _chances(archive: Archive, then: Snapshot, findings: Findings, numbers: Numbers) -> None:
    """Fill in the probabilities of buying in 30 and in 90 days, and churn with its bands."""
    short = _chance(archive, then, findings, SHORT)
    long = _chance(archive, then, findings, LONG)
    if long is None and short is not None:
        findings.words.append(
            "The 90-day numbers are the 30-day ones at an even risk over time: less sure."
        )
        long = 1 - (1 - short) ** (LONG / SHORT)
        findings.models[LONG] = findings.models[SHORT]
    if short is None or long is None:
        return
    short, long = np.clip(short, EDGE, 1 - EDGE), np.clip(long, EDGE, 1 - EDGE)
    numbers.chance_30d[:] = short
    # Two models may disagree a little; a longer time cannot make a purchase less likely.
    numbers.chance_90d[:] = np.maximum(short, long)
    numbers.churn[:] = 1 - numbers.chance_90d
    base = float(numbers.churn.mean())
    odds = base / (1 - base)
    low, high = (part / (1 + part) for part in (odds / BAND_ODDS, odds * BAND_ODDS))
    findings.bands = {"base_rate": base, "low_to": low, "high_from": high}
    numbers.band[:] = 1 + np.searchsorted([low, high], numbers.churn, side="right")


def _chance(archive: Archive, then: Snapshot, findings: Findings, days: int) -> FloatArray | None:
    """Return the probabilities of the chosen model, or of the next one that can be used."""
    past, test = archive.past(then.day, days), findings.tests[days]
    if not past.windows:
        return _plain_fit(then, findings, days)
    findings.rates[days] = past.rate()
    # Who ranked best 30 days ahead does so for 90 days too, where that could not be tested.
    order = [test.chosen, findings.models.get(SHORT, ""), "blend", "table", "mbg"]
    for model in dict.fromkeys(name for name in order if name):
        try:
            found = predict(model, past, then, test.trials[model])
        except NotUsableError as error:
            findings.words.append(f"{LABELS[model]} was not used for {days} days. {error}")
            continue
        findings.models[days] = model
        return found
    return None


def _plain_fit(then: Snapshot, findings: Findings, days: int) -> FloatArray | None:
    """Without any earlier window, MBG/NBD needs none; its level is its own."""
    fit = findings.fits["mbg"]
    if fit.degenerate:
        return None
    findings.words.append(f"The {days}-day level could not be compared with an earlier time.")
    findings.models[days] = "mbg"
    return fit.p_purchase(then.h, days / 7)


def _money(
    archive: Archive,
    then: Snapshot,
    findings: Findings,
    numbers: Numbers,
    *,
    annual_rate: float,
    margin: float,
) -> None:
    """Fill in expected orders, the value of an order, expected money and LTV."""
    buying, values = buying_model(archive, then.day), value_model(then.h)
    if buying is None or values is None:
        findings.words.append(
            "No money is predicted: repeat orders brought none, or no model fits."
        )
        return
    model, counted = buying
    findings.models["value"], findings.values = model, values
    findings.money = money_test(archive, then.day, model)
    level = findings.money.level
    orders = counted.expected(then.h, WEEKS) * level.orders
    worth = values.order_value(then.h) * level.money / level.orders
    # A probability of buying is a lower bound of the number of purchases.
    numbers.orders_90d[:] = np.fmax(orders, np.nan_to_num(numbers.chance_90d))
    numbers.order_value[:] = worth
    numbers.money_90d[:] = orders * worth
    year = ltv(counted, values, then.h, annual_rate=annual_rate, margin=margin)
    numbers.ltv[:] = year * level.money
    findings.words.append(_money_words(findings.money))


def _money_words(test: MoneyTest) -> str:
    told = f"Money is counted by {LABELS[test.model]} and multiplied by {test.level.money:.2f}, "
    told += f"the level that earlier predictions of {MONEY_DAYS} days asked for."
    error = test.remaining_error
    if error is None:
        return told + " How far off it is could not be tested: the history is too short."
    return told + f" So calibrated, the total was off by {error:.0%} on average.".replace("%", " %")


def _flags(then: Snapshot, findings: Findings, numbers: Numbers) -> None:
    flag = np.full(len(then), FLAGS.index("ok"), np.int32)
    if findings.values is not None:
        flag[~findings.values.own_value(then.h)] = FLAGS.index("no_value")
    flag[then.h.x == 0] = FLAGS.index("one_order")
    if findings.guard.small:
        flag[:] = FLAGS.index("small_shop")
    # What is missing counts more than what is uncertain.
    flag[np.isnan(numbers.ltv)] = FLAGS.index("no_money")
    flag[np.isnan(numbers.chance_30d)] = FLAGS.index("none")
    numbers.flag[:] = flag
