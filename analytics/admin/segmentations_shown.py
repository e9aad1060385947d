"""A segmentation as its page shows it: its groups with their evidence, and how far they hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from analytics.admin.cluster_filters import cluster_link
from analytics.admin.json_read import items, part, seconds_words
from analytics.models import Segmentation, SegmentationCluster
from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars, Mark, written
from crm_project.common.registry import Kpi

LOOKS = 6
TERMS_SHOWN = 8
STABLE, UNSTABLE = 0.75, 0.6
MARKS = (Mark(UNSTABLE, f"below {UNSTABLE} unstable"), Mark(STABLE, f"from {STABLE} stable"))
_TONES = {"stable": "good", "doubtful": "warn", "unstable": "bad"}
SILHOUETTE = (
    "How much nearer customers are to their own group than to the next: 1 is far apart, 0 touching"
)
STABILITY = "How much of a group comes back when customers are drawn anew: 1 is all"


@dataclass(frozen=True, slots=True)
class Group:
    """One group with its evidence."""

    cluster: SegmentationCluster
    look: int
    share: str
    words: str
    medians: tuple[tuple[str, str], ...]
    terms: tuple[tuple[str, str], ...]
    word: str
    tone: str
    overlap: str
    href: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything of the page."""

    kpis: list[Kpi]
    notices: list[tuple[str, str]]
    groups: list[Group]
    sizes: Bars
    stability: Bars
    silhouette: Bars
    candidates: list[tuple[str, ...]]
    timings: list[tuple[str, str]]
    may_rename: bool


def shown(segmentation: Segmentation, *, may_rename: bool) -> Shown:
    """Describe a segmentation that is over; one under way has no groups yet."""
    clusters = list(segmentation.clusters.order_by("number"))
    quality = segmentation.quality
    stability = part(quality, "stability")
    names = {cluster.number: cluster.name for cluster in clusters}
    words = {one.get("number"): str(one.get("word", "")) for one in items(stability, "groups")}
    return Shown(
        kpis=_kpis(segmentation, quality),
        notices=_notices(segmentation),
        groups=[_group(segmentation, one, words.get(one.number, "")) for one in clusters],
        sizes=charts.bars(
            "sizes", "Customers by group",
            [Bar(one.name, _share(one), note=f"{one.size:,} customers",
                 href=_members(segmentation, one.number)) for one in clusters],
            unit="share"),
        stability=stability_bars("stability", "Stability by group", stability, names),
        silhouette=charts.bars(
            "silhouettes", "Silhouette by group",
            [Bar(names.get(one.get("number"), str(one.get("number"))), one.get("value"))
             for one in items(part(quality, "silhouette"), "by_group")]),
        candidates=_candidates(quality, segmentation.k),
        timings=[(step, seconds_words(seconds)) for step, seconds in segmentation.timings.items()],
        may_rename=may_rename and segmentation.kind != Segmentation.Kind.RFM_MAP,
    )  # fmt: skip


def stability_bars(key: str, title: str, stability: Any, names: Mapping[Any, str]) -> Bars:
    """Return how much of each group came back, with the limits of Hennig."""
    values = [
        Bar(
            name=str(one.get("name") or names.get(one.get("number"), one.get("number"))),
            value=one.get("jaccard"),
            note=str(one.get("word", "")),
            tone=f"crm-tone-{_TONES[one['word']]}" if one.get("word") in _TONES else "",
        )
        for one in items(stability, "groups")
    ]
    return charts.bars(key, title, values, low=0.0, high=1.0, marks=MARKS)


def kind_words(segmentation: Segmentation) -> str:
    """Return what it groups by, with a capital and without making RFM small."""
    words = segmentation.get_kind_display()
    return f"{words[:1].upper()}{words[1:]}"


def choice(segmentation: Segmentation) -> str:
    """Name a segmentation in a list to choose from."""
    kind = kind_words(segmentation)
    current = ", current" if segmentation.is_current else ""
    groups = f", {segmentation.k} groups" if segmentation.k else ""
    return f"{kind}, {segmentation.as_of:%-d %b %Y}{groups} (no. {segmentation.pk}{current})"


def _kpis(segmentation: Segmentation, quality: Mapping[str, Any]) -> list[Kpi]:
    silhouette, stability = part(quality, "silhouette"), part(quality, "stability")
    resamples = stability.get("resamples")
    return [
        Kpi("As of", f"{segmentation.as_of:%-d %b %Y}",
            note="current" if segmentation.is_current else "not current"),
        Kpi("Groups", formats.count(segmentation.k)),
        Kpi("Customers", formats.count(segmentation.customers),
            note=f"{formats.count(segmentation.left_out)} left out: too little is known"),
        Kpi("Silhouette", written(silhouette.get("value")), note=SILHOUETTE),
        Kpi("Stability", written(stability.get("mean")),
            note=f"{STABILITY}; {resamples} draws" if resamples else STABILITY),
    ]  # fmt: skip


def _notices(segmentation: Segmentation) -> list[tuple[str, str]]:
    status = Segmentation.Status
    found: list[tuple[str, str]] = []
    if segmentation.status == status.FAILED:
        found.append((segmentation.error or "It failed; the log says why.", "crm-bad"))
    elif segmentation.status == status.LEFT_OUT:
        found.append((f"Not made: {segmentation.error}", "crm-warn"))
    elif segmentation.status == status.RUNNING:
        found.append(("It is being made. Load the page again in a while.", ""))
    if segmentation.quality.get("words"):
        found.append((str(segmentation.quality["words"]), ""))
    if segmentation.members_dropped_at:
        found.append(("Its members were removed; the groups' own numbers are kept.", ""))
    return found


def _group(segmentation: Segmentation, cluster: SegmentationCluster, word: str) -> Group:
    evidence = cluster.evidence
    medians = part(evidence, "medians")
    return Group(
        cluster=cluster,
        look=cluster.number % LOOKS,
        share=written(_share(cluster), "share"),
        words=", ".join(str(one) for one in items(evidence, "words")),
        medians=_medians(medians),
        terms=tuple(
            (str(term.get("text", "")), written(term.get("share"), "share"))
            for term in items(evidence, "terms")[:TERMS_SHOWN]
        ),
        word=word,
        tone=f"crm-tag-{_TONES[word]}" if word in _TONES else "",
        overlap="" if cluster.overlap is None else written(cluster.overlap, "share"),
        href=_members(segmentation, cluster.number),
    )


def _medians(medians: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if not medians:
        return ()
    monetary = medians.get("monetary")
    return (
        ("Days since the last sale", written(medians.get("recency_days"))),
        ("Sales", written(medians.get("frequency"))),
        ("Money", formats.money(None if monetary is None else Decimal(str(round(monetary, 2))))),
    )


def _share(cluster: SegmentationCluster) -> float | None:
    share = cluster.evidence.get("share")
    return None if share is None else float(share)


def _members(segmentation: Segmentation, number: int) -> str:
    return "" if segmentation.members_dropped_at else cluster_link(segmentation, number)


def _candidates(quality: Mapping[str, Any], k: int | None) -> list[tuple[str, ...]]:
    """Return what was tried: groups, silhouette, mean and worst stability, and which was taken."""
    return [
        (
            str(one.get("k")),
            written(one.get("silhouette")),
            written(one.get("mean_jaccard")),
            written(one.get("worst_jaccard")),
            "taken" if one.get("k") == k else ("" if one.get("stable") else "unstable"),
        )
        for one in items(quality, "candidates")
    ]
