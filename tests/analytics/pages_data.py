"""Runs of predictions and segmentations as their services write them, without computing them."""

from datetime import date, timedelta

from django.utils import timezone

from analytics.models import MetricsRun, Segmentation, SegmentationComparison

ORIGINS = [date(2011, 7, 12), date(2011, 8, 11), date(2011, 9, 10)]
MODELS = [
    ("logistic", "Logistic regression", "model", 0.79),
    ("mbg", "MBG/NBD", "model", 0.77),
    ("bg", "BG/NBD", "model", None),
    ("recency", "Recency only", "baseline", 0.71),
    ("score_sum", "R + F + M", "baseline", 0.73),
]
BINS = [
    {"predicted": p, "observed": p * (1 + (-1) ** n / 8), "customers": 200 + 90 * n}
    for n, p in enumerate((0.02, 0.05, 0.08, 0.12, 0.17, 0.24, 0.33, 0.45, 0.6, 0.8))
]


def at_origin(origin, auc):
    if auc is None:
        return {"origin": origin.isoformat(), "used": False, "words": "The fit is degenerate.",
                "customers": None, "auc": None, "bins": []}  # fmt: skip
    return {
        "origin": origin.isoformat(), "used": True, "words": "", "customers": 3000,
        "positives": 700, "base_rate": 0.233, "auc": auc, "auc_low": auc - 0.02,
        "auc_high": auc + 0.02, "average_precision": 0.58, "brier": 0.14, "brier_of_rate": 0.179,
        "log_loss": 0.44, "log_loss_of_rate": 0.54, "ece": 0.02, "lift": 3.1, "expected": 690.2,
        "observed": 700, "bins": BINS,
    }  # fmt: skip


def model(code, label, kind, auc, chosen):
    origins = [
        at_origin(origin, None if auc is None else auc + n / 100)
        for n, origin in enumerate(ORIGINS)
    ]
    names = ("auc", "average_precision", "brier", "brier_of_rate", "log_loss", "log_loss_of_rate",
             "ece", "lift", "expected", "observed")  # fmt: skip
    return {"model": code, "label": label, "kind": kind, "chosen": chosen, "origins": origins,
            "mean": {name: origins[1].get(name) for name in names}}  # fmt: skip


def horizon(days):
    models = [model(*one, chosen=place == 0) for place, one in enumerate(MODELS)]
    return {"days": days, "chosen": "logistic", "models": models,
            "origins": [origin.isoformat() for origin in ORIGINS]}  # fmt: skip


BACK_TEST = {
    "version": 1,
    "horizons": [horizon(30), horizon(90)],
    "money": {
        "days": 90,
        "origins": [
            {"origin": origin.isoformat(), "level": 1.08, "predicted": 812_000.0,
             "actual": 800_000.0, "total_error": 0.015 * (-1) ** n, "total_error_before": -0.06,
             "mae": 212.5, "spearman": 0.51, "top_decile": 0.47}
            for n, origin in enumerate(ORIGINS)
        ],
        "mean_total_error": 0.015,
    },
}  # fmt: skip
CONVERGENCE = {
    "mbg": {"label": "MBG/NBD", "converged": True, "degenerate": False, "bound_hits": [],
            "log_likelihood": -9582.4, "gain": 31.2, "share_always_alive": 0.2, "words": ""},
    "bg": {"label": "BG/NBD", "converged": True, "degenerate": True, "bound_hits": ["a"],
           "log_likelihood": -9600.1, "gain": 0.4, "share_always_alive": 0.99,
           "words": "Almost nobody ever leaves by this fit, so it says nothing of churn."},
}  # fmt: skip


def metrics_run(**changed):
    """A run that succeeded and is current."""
    now = timezone.now()
    values = {
        "as_of": date(2011, 12, 9),
        "time_zone": "Europe/London",
        "quality": "good",
        "model": "logistic",
        "churn_model": "mbg",
        "value_model": "mbg",
        "words": ["BG/NBD is degenerate on these orders; it was not used."],
        "params": {"mbg": {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}, "bg": {"r": 0.2}},
        "convergence": CONVERGENCE,
        "guard": {"allowed": True, "small": False, "words": []},
        "bands": {"base_rate": 0.56, "low_to": 0.4, "high_from": 0.8,
                  "counts": {"low": 800, "medium": 1400, "high": 2100}},
        "back_test": BACK_TEST,
        "scored": 4300,
        "predicted": 4300,
        "left_out": 3,
        "timings": {"read": 0.4, "fit": 1.2, "write": 0.3},
        "status": "succeeded",
        "is_current": True,
        "finished_at": now + timedelta(seconds=4),
        **changed,
    }  # fmt: skip
    return MetricsRun.objects.create(**values)


NAMES = ["Riesling, often, high spend", "Merlot, just bought", "Port, long ago, low spend"]


def clusters_json(words=("stable", "doubtful", "unstable")):
    values = (0.93, 0.66, 0.41)
    return [
        {"number": n, "size": 100 * n, "jaccard": value, "word": word, "name": NAMES[n - 1]}
        for n, (value, word) in enumerate(zip(values, words, strict=True), 1)
    ]


def quality():
    return {
        "words": "3 groups: the best silhouette among those that come back.",
        "candidates": [
            {"k": 3, "silhouette": 0.41, "mean_jaccard": 0.9, "worst_jaccard": 0.8, "stable": True},
            {"k": 4, "silhouette": 0.3, "mean_jaccard": 0.6, "worst_jaccard": 0.4, "stable": False},
        ],
        "silhouette": {"value": 0.41, "sample": 600, "customers": 600,
                       "by_group": [{"number": n, "value": 0.2 * n - 0.3} for n in (1, 2, 3)]},
        "stability": {"mean": 0.67, "worst": 0.41, "sample": 600, "customers": 600,
                      "resamples": 100, "groups": clusters_json()},
    }  # fmt: skip


def segmentation(kind="taste", names=NAMES, **changed):
    """A segmentation with three groups and no members."""
    values = {
        "kind": kind,
        "as_of": date(2011, 12, 9),
        "time_zone": "Europe/London",
        "k": len(names),
        "seed": 7,
        "customers": 600,
        "left_out": 12,
        "quality": quality(),
        "timings": {"read": 0.4, "groups": 1.2},
        "status": "succeeded",
        "is_current": True,
        "finished_at": timezone.now() + timedelta(seconds=4),
        **changed,
    }
    row = Segmentation.objects.create(**values)
    for number, name in enumerate(names, 1):
        row.clusters.create(
            number=number,
            name=name,
            automatic_name=name,
            size=100 * number,
            overlap=0.8,
            evidence={
                "share": number / 6,
                "medians": {"recency_days": 12.0, "frequency": 5.0, "monetary": 410.5},
                "words": ["bought lately", "often", "high spend"],
                "terms": [{"text": text, "weight": 0.3, "share": 0.4}
                          for text in ("riesling", "dry", name)],
            },
        )  # fmt: skip
    return row


def share(value):
    return {"value": value, "low": value - 0.03, "high": value + 0.03, "eta_squared": value + 0.01}


def side(kind, label):
    return {
        "kind": kind, "label": label, "groups": 3,
        "own_silhouette": {"value": 0.4}, "rfm_silhouette": {"value": 0.1},
        "stability": {"mean": 0.67, "groups": clusters_json()},
    }  # fmt: skip


def results(left="RFM map", right="Taste clustering", *, judged=True):
    sizes = [{"number": n, "name": name, "size": 200} for n, name in enumerate(NAMES, 1)]
    outcomes = [
        {
            "key": key,
            "outcome": outcome,
            "left": share(0.12),
            "right": share(0.01),
            "difference": share(-0.11),
            "customers": 600,
            "resamples": 200,
            "reason": "",
            "words": f"Of {outcome}, RFM map explains 12.0 %.",
        }
        for key, outcome in (
            ("revenue", "revenue of the next 90 days"),
            ("conversion", "a purchase"),
        )
    ]
    return {
        "customers": 600, "left_only": 3, "right_only": 0, "seed": 7,
        "contingency": {"rows": sizes, "columns": sizes,
                        "counts": [[120, 40, 40], [50, 100, 50], [0, 30, 170]]},
        "agreement": {"adjusted_rand": 0.21, "mutual_information": 0.2, "cramers_v": 0.44},
        "left": side("rfm_map", left), "right": side("taste", right),
        "purity": {"value": 0.42, "chance": 0.34, "neighbours": 10, "sample": 600, "pool": 600},
        "later": {"reason": "" if judged else "The 90 days after are not over.",
                  "outcomes": outcomes if judged else []},
    }  # fmt: skip


def comparison(left, right, *, judged=True, **changed):
    values = {
        "as_of": left.as_of,
        "later_days": 90,
        "later_since": left.as_of + timedelta(days=1),
        "later_until": left.as_of + timedelta(days=90),
        "later_judged": judged,
        "results": results(judged=judged),
        "verdict": "RFM map and Taste clustering agree in part (adjusted Rand index 0.21).",
        **changed,
    }
    return SegmentationComparison.objects.create(left=left, right=right, **values)
