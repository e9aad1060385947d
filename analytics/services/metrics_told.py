"""What a run of predictions tells about itself: the JSON documents of docs/metrics.md."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import Any

import numpy as np

from analytics.models import MetricsRun
from analytics.scoring.clv_backtest import BackTest, Trial
from analytics.scoring.clv_bg import Fit
from analytics.scoring.clv_candidates import BASELINES, LABELS
from analytics.scoring.clv_evaluation import Evaluation
from analytics.scoring.clv_levels import NEWEST, SEASON, SLOPES, TRUST
from analytics.scoring.clv_money import DAYS, MoneyTest, MoneyTrial
from analytics.scoring.clv_predict import BANDS, LONG, SHORT, Findings, Predictions

VERSION = 1
_FIGURES = tuple(field.name for field in fields(Evaluation) if field.name != "bins")
_MEANS = tuple(name for name in _FIGURES if name not in ("customers", "positives", "base_rate"))


def tell(run: MetricsRun, found: Predictions) -> None:
    """Fill in the fields of the run that describe what was found; nothing is saved."""
    findings, guard = found.findings, found.findings.guard
    run.quality = _quality(findings)
    run.model = findings.models.get(SHORT, "")
    run.churn_model = findings.models.get(LONG, "")
    run.value_model = findings.models.get("value", "")
    run.words = findings.words
    run.guard = asdict(guard) | {"words": list(guard.words)}
    run.params = _params(findings)
    run.convergence = {kind: _convergence(fit) for kind, fit in findings.fits.items()}
    run.calibration = _calibration(findings)
    run.bands = _bands(found)
    run.back_test = {
        "version": VERSION,
        "horizons": [_horizon(test) for test in findings.tests.values()],
        "money": _money(findings.money) if findings.money else None,
    }
    run.scored = len(found.then)
    run.predicted = int((~np.isnan(found.numbers.chance_30d)).sum())


def _quality(findings: Findings) -> str:
    if not findings.models.get(SHORT):
        return MetricsRun.Quality.NONE
    return MetricsRun.Quality.SMALL if findings.guard.small else MetricsRun.Quality.GOOD


def _params(findings: Findings) -> dict[str, Any]:
    found: dict[str, Any] = {kind: fit.params for kind, fit in findings.fits.items()}
    if findings.values:
        values = findings.values
        found["gamma_gamma"] = {
            **values.params,
            "mean": values.mean,
            "usable": values.usable,
            "correlation": values.correlation,
            "repeat_buyers": values.repeat_buyers,
        }
    return found


def _convergence(fit: Fit) -> dict[str, Any]:
    return {
        "label": fit.name,
        "converged": fit.converged,
        "degenerate": fit.degenerate,
        "bound_hits": list(fit.bound_hits),
        "log_likelihood": fit.log_likelihood,
        "gain": fit.gain,
        "share_always_alive": fit.share_always_alive,
        "words": fit.words,
    }


def _calibration(findings: Findings) -> dict[str, Any]:
    """Return the levels that were set, and the constants of the rule that set them."""
    level = findings.money.level if findings.money else None
    return {
        "expected_rate": {str(days): rate for days, rate in findings.rates.items()},
        "orders_level": level.orders if level else None,
        "money_level": level.money if level else None,
        "rule": {
            "newest_weight": NEWEST,
            "season_weight": SEASON,
            "slopes": SLOPES,
            "slope_weight": TRUST,
        },
    }


def _bands(found: Predictions) -> dict[str, Any]:
    if not found.findings.bands:
        return {}
    counts = np.bincount(found.numbers.band, minlength=len(BANDS))
    named = {name: int(counts[place]) for place, name in enumerate(BANDS) if name}
    return {**found.findings.bands, "counts": named}


def _horizon(test: BackTest) -> dict[str, Any]:
    return {
        "days": test.days,
        "chosen": test.chosen,
        "origins": [_day(origin) for origin in test.origins],
        "models": [
            {
                "model": name,
                "label": label,
                "kind": kind,
                "chosen": name == test.chosen,
                "origins": [_trial(trial) for trial in test.trials[name]],
                "mean": {figure: test.mean(name, figure) for figure in _MEANS},
            }
            for kind, labels in _KINDS
            for name, label in labels.items()
        ],
    }


_KINDS: Sequence[tuple[str, Mapping[str, str]]] = (("model", LABELS), ("baseline", BASELINES))


def _trial(trial: Trial) -> dict[str, Any]:
    found = trial.evaluation
    low, high = trial.interval or (None, None)
    return {
        "origin": _day(trial.origin),
        "used": found is not None,
        "words": trial.words,
        **{name: getattr(found, name) if found else None for name in _FIGURES},
        "auc_low": low,
        "auc_high": high,
        "bins": [asdict(one) for one in found.bins] if found else [],
    }


def _money(test: MoneyTest) -> dict[str, Any]:
    return {
        "days": DAYS,
        "model": test.model,
        "origins": [_money_trial(trial) for trial in test.trials],
        "mean_total_error": test.remaining_error,
    }


def _money_trial(trial: MoneyTrial) -> dict[str, Any]:
    return {
        "origin": _day(trial.origin),
        "level": trial.level.money,
        "calibrated": trial.calibrated,
        **asdict(trial.evaluation),
        "total_error_before": trial.error_before,
    }


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
