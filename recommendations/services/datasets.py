"""Load a real data set into an empty database, to see how the whole works on another shop.

One database holds one shop: numbers, popularity and recommendations of two shops mixed would mean
nothing. So loading is refused where another shop lies already.
"""

import lzma
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from customers.models import ImportBatch
from customers.services.imports import import_file
from orders.importers.x_wines import DERIVED, purchases, wines
from orders.models import Order, Product
from orders.services.catalogue import refresh_popularity
from orders.services.totals import analyze_orders
from recommendations.models import RecoConfig
from recommendations.scoring.settings import RecoSettings
from recommendations.services import demo
from recommendations.services.configs import activate_config, create_config

FOLDER = Path("demo") / "data"
WINES = FOLDER / "xwines_wines.csv.xz"
RATINGS = FOLDER / "xwines_ratings_before_2021.csv.xz"
X_WINES = "x-wines"
X_WINES_NEWEST = date(2020, 12, 31)
"""Day of the newest rating in the file; a test compares it with the file."""

DATASETS = {"online-retail": demo.SOURCE, X_WINES: X_WINES}
"""What can be loaded, and the source that its orders bear."""

X_WINES_SETTINGS = {
    "require_price": False,
    "scenario": {"winback_min_historical_ca": 0.0},
}
"""Recommendations without prices: none is asked for, and nobody must have spent anything."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded. ``settings``: the recommendation settings that were made active, if any."""

    dataset: str
    orders: int
    lines: int
    products: int
    shift_days: int
    loaded_now: bool
    settings: str = ""

    @property
    def words(self) -> str:
        """Return what was loaded, for people."""
        did = "Loaded" if self.loaded_now else "Already here:"
        words = (
            f"{did} {self.orders:,} orders with {self.lines:,} lines of {self.products:,} products"
        )
        if self.shift_days:
            words += f", dates moved by {self.shift_days // 7} weeks"
        return f"{words}. Settings in use: {self.settings}." if self.settings else f"{words}."


def load_dataset(
    *, dataset: str, shift: bool = True, force: bool = False, progress: Progress | None = None
) -> Loaded:
    """Load a data set once; a second call finds it and changes nothing.

    Args:
        dataset: one of ``DATASETS``.
        shift: move all dates by whole weeks, so that the newest order is at most a week old.
        force: load it though the database holds another shop.

    Raises:
        ConflictError: the database holds another shop.
        CrmError: in production, an unknown data set, or its file is missing.
    """
    if dataset not in DATASETS:
        raise CrmError(f"The data sets are: {', '.join(DATASETS)}.")
    if settings.PRODUCTION:
        raise CrmError("The demo data is not for production.")
    if not force:
        _refuse_mixing(dataset)
    if dataset == X_WINES:
        return _load_x_wines(shift=shift, progress=progress)
    data = demo.load(shift=shift, progress=progress)
    refresh_popularity(as_of=_newest(data.shift_days, demo.NEWEST))
    return _loaded(dataset, data.batch, loaded_now=data.loaded_now)


def _refuse_mixing(dataset: str) -> None:
    source = DATASETS[dataset]
    ours = Q(source=source)
    if Order.objects.exclude(ours).exists() or (
        Product.objects.exists() and not Order.objects.filter(ours).exists()
    ):
        raise ConflictError(
            "This database holds another shop, and two shops do not mix. Give the data set a"
            f" database of its own: CRM_HOME=.crm-{dataset} starts one of its own under that"
            " folder, and DATABASE_URL names one. --force loads it here all the same."
        )


def _load_x_wines(*, shift: bool, progress: Progress | None) -> Loaded:
    done = ImportBatch.objects.filter(source=X_WINES, status=ImportBatch.Status.COMMITTED)
    batch = done.order_by("pk").first()
    loaded_now = batch is None
    if batch is None:
        _load_wines()
        days = _shift_days() if shift else 0
        batch = _load_ratings(days, progress)
        analyze_orders()
    days = int(batch.options.get("shift_days", 0))
    refresh_popularity(as_of=_newest(days, X_WINES_NEWEST))
    config = _use_settings()
    return _loaded(X_WINES, batch, loaded_now=loaded_now, settings=str(config))


def _shift_days() -> int:
    """Whole weeks, in days, so that Mondays stay Mondays."""
    return (timezone.localdate() - timedelta(days=1) - X_WINES_NEWEST).days // 7 * 7


def _newest(shift_days: int, newest: date) -> date:
    return newest + timedelta(days=shift_days)


@transaction.atomic
def _load_wines() -> None:
    with lzma.open(_path(WINES), "rt", encoding="utf-8", newline="") as lines:
        rows = [
            Product(
                key=wine.key,
                label=wine.label,
                category="Wine",
                family=wine.family,
                grape=wine.grape,
                attributes=wine.attributes,
                derived_fields=list(DERIVED),
            )
            for wine in wines(lines)
        ]
    Product.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)


def _load_ratings(days: int, progress: Progress | None) -> ImportBatch:
    with tempfile.TemporaryDirectory(prefix="crm-x-wines-") as folder:
        file = Path(folder) / "ratings.csv"
        with (
            lzma.open(_path(RATINGS), "rt", encoding="utf-8", newline="") as lines,
            file.open("w", encoding="utf-8") as target,
        ):
            target.writelines(purchases(lines))
        return import_file(
            path=file,
            kind="orders",
            format="generic",
            source=X_WINES,
            options={
                "time_zone": "UTC",
                "unknown_products": "refuse",
                **({"shift_days": days} if days else {}),
            },
            progress=progress,
        )


def _path(name: Path) -> Path:
    path = Path(settings.BASE_DIR) / name
    if not path.exists():
        raise CrmError(f"{name} is missing: the demo needs the whole repository.")
    return path


def _use_settings() -> RecoConfig:
    """Make settings without prices active, the first time; later ones of a person stay."""
    digest = RecoSettings.from_json(X_WINES_SETTINGS).hash
    known = RecoConfig.objects.filter(hash=digest).first()
    if known is not None:
        return RecoConfig.objects.active().first() or known
    config = create_config(
        name="X-Wines",
        values=X_WINES_SETTINGS,
        comment="Ratings read as purchases: there are no prices and no money.",
    )
    return activate_config(config=config)


def _loaded(dataset: str, batch: ImportBatch, *, loaded_now: bool, settings: str = "") -> Loaded:
    orders = Order.objects.filter(source=DATASETS[dataset])
    return Loaded(
        dataset=dataset,
        orders=orders.count(),
        lines=batch.lines - batch.refused,
        products=Product.objects.count(),
        shift_days=int(batch.options.get("shift_days", 0)),
        loaded_now=loaded_now,
        settings=settings,
    )
