"""A run of the predictions as its page shows it: charts and tables made of the run's JSON.

Whatever is missing in an older run shows as "not known"; nothing here computes a new number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.admin.json_read import amount, day, items, part, seconds_words
from analytics.admin.metrics_horizons import Horizon, horizon_shown
from analytics.models import MetricsRun
from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars, Plot, Series, written
from crm_project.common.registry import Kpi

_TONES = {"low": "crm-tone-good", "medium": "crm-tone-warn", "high": "crm-tone-bad"}
_BANDS = {"low": "Low risk", "medium": "Medium risk", "high": "High risk"}


@dataclass(frozen=True, slots=True)
class Money:
    """How far the predicted money was off at earlier days."""

    days: int
    mean_error: str
    chart: Bars
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class FitRow:
    """How the fit of one model went."""

    label: str
    state: str
    tone: str
    numbers: tuple[tuple[str, str], ...]
    params: tuple[tuple[str, str], ...]
    words: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything of the page."""

    kpis: list[Kpi]
    notices: list[tuple[str, list[str]]]
    horizons: list[Horizon]
    money: Money | None
    fits: list[FitRow]
    bands: Bars | None
    bands_note: str
    timings: list[tuple[str, str]]


def shown(run: MetricsRun, origins: Mapping[str, str]) -> Shown:
    """Describe a run. ``origins`` holds the origin asked for by days, like ``{"30": "2011-…"}``."""
    tests = [found for found in items(run.back_test, "horizons") if isinstance(found, dict)]
    return Shown(
        kpis=_kpis(run, tests),
        notices=_notices(run),
        horizons=[horizon_shown(found, origins.get(str(found.get("days")), "")) for found in tests],
        money=_money(run.back_test.get("money")),
        fits=_fits(run),
        bands=_bands(run),
        bands_note=_bands_note(run),
        timings=[(step, seconds_words(seconds)) for step, seconds in run.timings.items()],
    )


def mean_of(run: MetricsRun, days: int, name: str, *, baselines: bool = False) -> float | None:
    """Return a mean of the chosen model, or the best one (highest) of all baselines."""
    for found in items(run.back_test, "horizons"):
        if found.get("days") == days:
            kind = "baseline" if baselines else "model"
            values = [
                model["mean"][name]
                for model in items(found, "models")
                if model.get("kind") == kind and (baselines or model.get("chosen"))
                and (model.get("mean") or {}).get(name) is not None
            ]  # fmt: skip
            return max(values, default=None)
    return None


def over_runs(runs: Sequence[MetricsRun]) -> list[Plot]:
    """Return how AUC and calibration went from run to run, newest run of each day."""
    by_day = {run.as_of: run for run in sorted(runs, key=lambda run: run.pk)}

    def series(name: str, days: int, measure: str, *, baselines: bool = False) -> Series:
        points = [
            (day, mean_of(run, days, measure, baselines=baselines)) for day, run in by_day.items()
        ]
        return Series(name, points)

    return [
        charts.lines("runs-auc", "AUC: how well buyers are ranked above the others",
                     [series("chosen model, 30 days", 30, "auc"),
                      series("best baseline, 30 days", 30, "auc", baselines=True),
                      series("chosen model, 90 days", 90, "auc")], low=0.5, high=1.0),
        charts.lines("runs-ece", "ECE: how far predicted shares are from what happened",
                     [series("30 days", 30, "ece"), series("90 days", 90, "ece")], unit="share"),
    ]  # fmt: skip


def _kpis(run: MetricsRun, tests: Sequence[Mapping[str, Any]]) -> list[Kpi]:
    of = formats.count(run.scored)
    found = [
        Kpi("As of", f"{run.as_of:%-d %b %Y}", note="current" if run.is_current else "not current"),
        Kpi("Data", run.get_quality_display() if run.quality else formats.NOTHING,
            tone={"small": "crm-hot", "none": "crm-hot"}.get(run.quality, "")),
        Kpi("With predictions", formats.count(run.predicted), note=f"of {of} with a sale"),
    ]  # fmt: skip
    for test in tests:
        days = int(test.get("days", 0))
        auc, best = mean_of(run, days, "auc"), mean_of(run, days, "auc", baselines=True)
        found.append(Kpi(f"AUC, {days} days", written(auc), note=f"best baseline {written(best)}"))
    if tests:
        ece = {days: written(mean_of(run, days, "ece"), "share") for days in (30, 90)}
        found.append(Kpi("Calibration error, 30 days", ece[30],
                         note=f"ECE, mean over the earlier days; 90 days: {ece[90]}"))  # fmt: skip
    error = part(run.back_test, "money").get("mean_total_error")
    if tests:
        found.append(Kpi("Money, error of the level", written(error, "share"),
                          note="mean over the earlier days"))  # fmt: skip
    return found


def _notices(run: MetricsRun) -> list[tuple[str, list[str]]]:
    """Return sentences by the class that colours them, the worst first."""
    bad, plain = [], [str(words) for words in run.words]
    if run.status == MetricsRun.Status.FAILED:
        bad.append(run.error or "The run failed; the log says why.")
    if run.quality == MetricsRun.Quality.NONE:
        bad.append("There is too little data, so nothing was predicted.")
    if run.rows_dropped_at:
        plain.append("The rows by customer were removed; the run's own numbers are kept.")
    degenerate = any(part(run.convergence, name).get("degenerate") for name in run.convergence)
    warned = degenerate or bad or run.quality == MetricsRun.Quality.SMALL
    found = [("crm-bad", bad), ("crm-warn" if warned else "", plain)]
    return [(tone, words) for tone, words in found if words]


def _money(found: Any) -> Money | None:
    if not found:
        return None
    origins = sorted(items(found, "origins"), key=lambda one: str(one.get("origin")))
    bars = [
        Bar(day(str(one.get("origin"))), one.get("total_error"),
            note=f"{written(one.get('total_error_before'), 'share')} before the level was set")
        for one in origins
    ]  # fmt: skip
    rows = tuple(
        (
            day(str(one.get("origin"))),
            amount(one.get("predicted")),
            amount(one.get("actual")),
            written(one.get("level")),
            written(one.get("total_error_before"), "share"),
            written(one.get("total_error"), "share"),
            amount(one.get("mae")),
            written(one.get("spearman")),
            written(one.get("top_decile"), "share"),
        )
        for one in origins
    )
    days = int(found.get("days", 0))
    chart = charts.bars("money-error", "Predicted money against what came", bars, unit="share")
    return Money(days, written(found.get("mean_total_error"), "share"), chart, rows)


def _fits(run: MetricsRun) -> list[FitRow]:
    return [_fit(name, part(run.convergence, name), run.params.get(name))
            for name in run.convergence]  # fmt: skip


def _fit(name: str, found: Mapping[str, Any], params: Any) -> FitRow:
    state, tone = "converged", "crm-tag-good"
    if found.get("degenerate"):
        state, tone = "degenerate: not used", "crm-tag-bad"
    elif not found.get("converged"):
        state, tone = "did not converge", "crm-tag-warn"
    numbers = (
        ("Log-likelihood", written(found.get("log_likelihood"))),
        ("Gain over a model without churn", written(found.get("gain"))),
        ("Surely still customers", written(found.get("share_always_alive"), "share")),
        ("At a bound", ", ".join(map(str, items(found, "bound_hits"))) or "none"),
    )
    words = found.get("words") or ""
    return FitRow(
        label=str(found.get("label") or name),
        state=state,
        tone=tone,
        numbers=tuple(pair for pair in numbers if pair[1] != formats.NOTHING),
        params=tuple((str(key), _param(value)) for key, value in _pairs(params)),
        words=words if isinstance(words, str) else " ".join(map(str, words)),
    )


def _pairs(params: Any) -> list[tuple[str, Any]]:
    if isinstance(params, Mapping):
        return list(params.items())
    if isinstance(params, list):
        return [(str(place), value) for place, value in enumerate(params, 1)]
    return []


def _param(value: Any) -> str:
    if isinstance(value, bool | str) or value is None:
        return str(value)
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _bands(run: MetricsRun) -> Bars | None:
    counts = part(run.bands, "counts")
    total = sum(counts.values())
    if not total:
        return None
    bars = [
        Bar(_BANDS[name], counts.get(name, 0) / total, note=f"{counts.get(name, 0):,} customers",
            tone=_TONES[name])
        for name in _BANDS
    ]  # fmt: skip
    return charts.bars("bands", "Customers by churn band", bars, unit="share", low=0.0, high=1.0)


def _bands_note(run: MetricsRun) -> str:
    if run.bands.get("low_to") is None or run.bands.get("high_from") is None:
        return ""
    low, high = written(run.bands["low_to"], "share"), written(run.bands["high_from"], "share")
    rate = written(run.bands.get("base_rate"), "share")
    return (
        f"Low up to a churn probability of {low}, high from {high}: set by this shop's own rate "
        f"({rate} buy nothing for 90 days), not by fixed limits."
    )
