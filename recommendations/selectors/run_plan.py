"""With which settings and in which order a run recommends: the configuration and the back-test."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_project.common.exceptions import CrmError
from recommendations.models import BacktestRun, RecoConfig, RecoRun
from recommendations.scoring.settings import RecoSettings, SettingsError

Mode = RecoRun.Mode
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does, and the sentences that people should read about it."""

    settings: RecoSettings
    mode: str
    backtest: BacktestRun | None
    words: tuple[str, ...] = ()


def settings_of(config: RecoConfig) -> RecoSettings:
    """Return what a stored configuration says. Raises ``CrmError`` in words."""
    return _read(config.values, f"{config.name} ({config.hash[:8]})")


def plan_of(*, config: RecoConfig, as_of: date) -> Plan:
    """Return how to recommend as of a day.

    A configuration whose mode is ``auto`` takes the plan of slots, the weights and the rule that
    ranks from the newest back-test that looked at nothing after the day; one with a mode of its
    own is used as it stands. Without a back-test nothing speaks for the weighted score, so the
    plain order of the signals is used.
    """
    settings = settings_of(config)
    if settings.mode != AUTO:
        return Plan(settings, settings.mode, None)
    tested = backtest_for(as_of=as_of)
    if tested is None:
        words = (
            "No back-test has been run yet, so nothing says that the weighted score is as good as "
            "the plain order of the signals: that order was used. Run: manage.py "
            "backtest_recommendations",
        )
        return Plan(settings, Mode.SIGNALS, None, words)
    chosen: dict[str, Any] = tested.chosen
    if chosen.get("values"):
        values = merged(config.values, chosen["values"])
        settings = _read(values, f"The plan of the back-test {tested.pk}")
    mode = chosen.get("mode") or Mode.SIGNALS
    return Plan(settings, mode, tested, tuple(_said(tested, mode)))


def settings_of_run(run: RecoRun) -> RecoSettings:
    """Return the settings that a stored run was made with: its configuration, its back-test's plan.

    Raises ``CrmError`` in words for values that this version of the engine does not know.
    """
    settings = settings_of(run.config)
    chosen = run.backtest.chosen.get("values") if run.backtest else None
    if settings.mode != AUTO or not chosen:
        return settings
    return _read(merged(run.config.values, chosen), f"The plan of run {run.pk}")


def backtest_for(*, as_of: date) -> BacktestRun | None:
    """Return the back-test that a run of this day may believe: it knows nothing of later days."""
    done = BacktestRun.objects.filter(status=BacktestRun.Status.SUCCEEDED, as_of__lte=as_of)
    return done.order_by("-is_current", "-as_of", "-pk").first()


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``; what is nested is merged key by key.

    >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}})
    {'a': 1, 'b': {'c': 4, 'd': 3}}
    """
    result = dict(base)
    for name, value in changes.items():
        inside = result.get(name)
        both = isinstance(inside, dict) and isinstance(value, dict)
        result[name] = merged(inside or {}, value) if both else value
    return result


def _said(tested: BacktestRun, mode: str) -> list[str]:
    words = []
    gate = tested.chosen.get("gate", {})
    if mode == Mode.SIGNALS and not gate.get("passed"):
        words.append(
            "The weighted score did not pass the back-test's gate; items stand in the plain order "
            "of the signals."
        )
    # Sentences about REBUY and CROSS_SELL that do not beat what everybody could do.
    return words + [str(sentence) for sentence in tested.chosen.get("falls_back", ())]


def _read(values: dict[str, Any], name: str) -> RecoSettings:
    try:
        return RecoSettings.from_json(values)
    except SettingsError as error:
        raise CrmError(f"{name} cannot be used: {error}") from error
