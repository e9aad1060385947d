"""How well one question was answered at earlier days: a back-test as tables and charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics.admin.json_read import day, items, mean, whole
from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars, Bin, Mark, Plot, Series, written

EVENTS = {30: "bought within 30 days", 90: "bought within 90 days"}
PURPOSES = {30: "Purchase within 30 days", 90: "Purchase within 90 days (churn is the opposite)"}
ASKED_AUC = 0.75
MOST_LINES = 6
"""Looks of lines that eyes can tell apart."""

_SHOWN_MEANS = ("auc", "average_precision", "brier", "log_loss", "ece", "lift")


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model or baseline: the means over the origins where it could be used."""

    label: str
    baseline: bool
    chosen: bool
    used: str
    numbers: tuple[str, ...]
    total: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Horizon:
    """How well one question was answered at earlier days; the charts are those of ``origin``."""

    days: int
    title: str
    chosen: str
    why: str
    origin: str
    origins: tuple[tuple[str, str], ...]
    rows: tuple[ModelRow, ...]
    base: str
    compared: Bars
    reliability: Plot
    gain: Plot
    over_time: Plot


def horizon_shown(found: Mapping[str, Any], asked: str) -> Horizon:
    """Describe one horizon; ``asked`` is the origin that somebody chose, else the newest."""
    days = int(found.get("days", 0))
    models = sorted(items(found, "models"), key=lambda model: not model.get("chosen"))
    event = EVENTS.get(days, "bought")
    used = [model for model in models if _ever_used(model)]
    chosen = models[0] if models and models[0].get("chosen") else None
    known = sorted(str(origin) for origin in items(found, "origins"))
    origin = asked if asked in known else _newest(chosen, known)
    at = {id(model): _at(model, origin) for model in models}
    bins = [_bin(one) for one in items(at[id(chosen)], "bins")] if chosen else []
    key = f"h{days}"
    return Horizon(
        days=days,
        title=PURPOSES.get(days, f"Purchase within {days} days"),
        chosen=str(chosen.get("label", "")) if chosen else "",
        why=_why(chosen, models),
        origin=origin,
        origins=tuple((one, day(one)) for one in known),
        rows=tuple(_model_row(model) for model in models),
        base=_base(at[id(models[0])]) if models else "",
        compared=charts.bars(
            f"{key}-auc", f"AUC at {day(origin)}",
            [_auc_bar(model, at[id(model)]) for model in used],
            start=0.5, low=0.5, high=1.0, marks=[Mark(ASKED_AUC, f"{ASKED_AUC} is asked for")],
        ),
        reliability=charts.reliability(
            f"{key}-reliability", f"Reliability at {day(origin)}", bins, event=event),
        gain=charts.gain(f"{key}-gain", f"Gain at {day(origin)}", bins, event=event),
        over_time=charts.lines(
            f"{key}-time", "AUC at each origin",
            _auc_lines(models), low=0.5, high=1.0),
    )  # fmt: skip


def _newest(chosen: Mapping[str, Any] | None, known: Sequence[str]) -> str:
    """Return the newest day on which the chosen model was tried, else the newest of all."""
    tried = [one for one in known if chosen and _at(chosen, one).get("used")]
    return (tried or known or [""])[-1]


def _ever_used(model: Mapping[str, Any]) -> bool:
    return any(one.get("used") for one in items(model, "origins"))


def _why(chosen: Mapping[str, Any] | None, models: Sequence[Mapping[str, Any]]) -> str:
    """Give the log losses that the choice is made by."""
    if chosen is None:
        return "No model was chosen: none could be judged at enough earlier days."
    losses = [
        (str(model.get("label")), mean(model, "log_loss"))
        for model in models
        if model.get("kind") == "model" and model is not chosen and _ever_used(model)
    ]
    others = ", ".join(f"{label} {written(loss)}" for label, loss in losses)
    sentence = (
        "The choice is made by the mean log loss (lower is better) among the models that could be "
        f"judged at enough earlier days: {chosen.get('label')} "
    )
    sentence += written(mean(chosen, "log_loss"))
    if others:
        sentence += f"; {others}"
    return f"{sentence}; guessing the base rate {written(mean(chosen, 'log_loss_of_rate'))}."


def _model_row(model: Mapping[str, Any]) -> ModelRow:
    origins = items(model, "origins")
    used = sum(bool(one.get("used")) for one in origins)
    expected, observed = mean(model, "expected"), mean(model, "observed")
    return ModelRow(
        label=str(model.get("label") or model.get("model") or ""),
        baseline=model.get("kind") == "baseline",
        chosen=bool(model.get("chosen")),
        used=f"{used} of {len(origins)}",
        numbers=tuple(
            written(mean(model, name), "share" if name == "ece" else "number")
            for name in _SHOWN_MEANS
        ),
        total=f"{whole(expected)} / {whole(observed)}",
        words=_words(str(model.get("label", "")), origins),
    )


def _words(label: str, origins: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what was said of the origins, the same sentence once with its days."""
    said: dict[str, list[str]] = {}
    for one in sorted(origins, key=lambda one: str(one.get("origin"))):
        if one.get("words"):
            said.setdefault(str(one["words"]), []).append(day(str(one.get("origin"))))
    return tuple(
        f"{'' if words.startswith(label) else f'{label}: '}{words} ({', '.join(days)})"
        for words, days in said.items()
    )


def _auc_bar(model: Mapping[str, Any], at: Mapping[str, Any]) -> Bar:
    note = "chosen" if model.get("chosen") else str(model.get("kind", ""))
    if at.get("auc") is None:
        note = "not used on this day"
    return Bar(
        name=str(model.get("label", "")),
        value=at.get("auc"),
        low=at.get("auc_low"),
        high=at.get("auc_high"),
        note=note,
        tone="" if model.get("chosen") else "crm-tone-quiet",
    )


def _auc_lines(models: Sequence[Mapping[str, Any]]) -> list[Series]:
    """Return the first models of which anything is known."""
    found = [_auc_series(model) for model in models]
    return [one for one in found if charts.known(value for _, value in one.points)][:MOST_LINES]


def _auc_series(model: Mapping[str, Any]) -> Series:
    points = [
        (date.fromisoformat(str(one["origin"])), one.get("auc")) for one in items(model, "origins")
    ]
    return Series(str(model.get("label", "")), points)


def _base(at: Mapping[str, Any]) -> str:
    if at.get("customers") is None:
        return ""
    share = written(at.get("base_rate"), "share")
    return (
        f"{formats.count(at['customers'])} customers, of whom {formats.count(at.get('positives'))} "
        f"bought ({share})."
    )


def _bin(one: Mapping[str, Any]) -> Bin:
    return Bin(float(one["predicted"]), float(one["observed"]), int(one["customers"]))


def _at(model: Mapping[str, Any], origin: str) -> Mapping[str, Any]:
    return next((one for one in items(model, "origins") if one.get("origin") == origin), {})
