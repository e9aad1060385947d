"""How the admin looks and what its sidebar offers: the ``UNFOLD`` setting.

Imported by the settings, so nothing here touches models: callbacks are named as dotted paths and
links are lazy. The sidebar is ordered by job, not by table; an entry shows only to those who may
open it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django.utils.functional import lazy
from django.utils.module_loading import import_string

# Keys are numbers or UUIDs; pages below a list have names.
_DASHES = 4
_JOBS = "common.view_job", "crm_project.common.admin.badges.unfinished_jobs"
_QUARANTINE = (
    "analytics.view_quarantinedevent",
    "analytics.selectors.quarantine.open_events",
)
_SENDS = "signals:write"
_INGEST_TOKENS = lazy(
    lambda: f"{reverse('admin:common_apitoken_changelist')}?scope={_SENDS}", str
)()
_LABELS = "orders.decide_labelsuggestion", "orders.admin.badges.pending_labels"
_PREVIEWS = "customers.view_importbatch", "customers.admin.badges.previews_waiting"


def environment(request: HttpRequest) -> list[str] | None:
    """Return the label beside the title: which installation this is. Production has none."""
    if settings.PRODUCTION:
        return None
    return [settings.CRM_ENV.capitalize(), "info"]


def _page(title: str, icon: str, url: str, permission: str, **extra: Any) -> dict[str, Any]:
    """Return an entry that leads to a page of its own; no permission: everybody sees it."""
    return {
        "title": title,
        "icon": icon,
        "link": _link(url, get_script_prefix()),
        "needs": permission,
        **extra,
    }


@cache
def _link(url: str, prefix: str) -> str:
    """Return where a page of the admin is; each page shows some sixty of them."""
    return reverse(f"admin:{url}")


def _list(title: str, icon: str, model: str, **extra: Any) -> dict[str, Any]:
    """Return an entry that leads to the list of a model, for those who may view it."""
    app, name = model.split(".")
    return _page(title, icon, f"{app}_{name}_changelist", f"{app}.view_{name}", **extra)


def _counter(request: HttpRequest, what: tuple[str, str], variant: str) -> dict[str, str]:
    """Return the badge of a queue: nothing when it is empty, or is not theirs to see."""
    permission, path = what
    waiting = import_string(path)() if request.user.has_perm(permission) else 0
    return {"badge": f"{waiting:,}", "badge_variant": variant} if waiting else {}


def _at(model: str) -> Callable[[HttpRequest], bool]:
    """Tell whether the list or a row of a model is open, and not a page of its own below it."""

    def active(request: HttpRequest) -> bool:
        below = request.path.partition(_link(f"{model}_changelist", get_script_prefix()))
        first = below[2].partition("/")[0]
        return bool(below[1]) and (not first or first.isdecimal() or first.count("-") == _DASHES)

    return active


def _ingest_tokens_open(request: HttpRequest) -> bool:
    """Tell whether the list of tokens shows those that may send signals."""
    return _at("common_apitoken")(request) and request.GET.get("scope") == _SENDS


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar. Counters are only looked up for entries that the user may see."""
    groups = [
        ("", [_page("Dashboard", "space_dashboard", "index", "")]),
        (
            "Customers",
            [
                _list("Customers", "group", "customers.customer"),
                _list("Profiles", "interests", "analytics.customerprofile"),
                _list("Contacts", "mail", "customers.contactevent"),
                _list("Consents", "how_to_reg", "customers.consent"),
                _list("Blocks", "do_not_disturb_on", "customers.contactblock"),
                _list("Contact policy", "rule", "customers.contactpolicy"),
                _list("Campaigns", "campaign", "customers.campaign"),
            ],
        ),
        (
            "Orders & products",
            [
                _list("Orders", "receipt_long", "orders.order"),
                _list("Products", "inventory_2", "orders.product"),
                _list("Product aliases", "label", "orders.productalias"),
                _list(
                    "Label suggestions",
                    "new_label",
                    "orders.labelsuggestion",
                    **_counter(request, _LABELS, "warning"),
                ),
            ],
        ),
        (
            "Segments",
            [
                _list(
                    "Saved segments",
                    "bookmarks",
                    "analytics.savedsegment",
                    active=_at("analytics_savedsegment"),
                ),
                _list("RFM runs", "calculate", "analytics.rfmrun", active=_at("analytics_rfmrun")),
                _list("Scores", "leaderboard", "analytics.currentrfmscore"),
                _page("Segment grid", "grid_on", "analytics_grid", "analytics.view_rfmrun"),
                _page("Movement", "swap_horiz", "analytics_movement", "analytics.view_rfmrun"),
                _list("Segments", "category", "analytics.segment", active=_at("analytics_segment")),
                _page("Segment map", "map", "analytics_segment_map", "analytics.view_segmentcell"),
                _page("Glossary", "menu_book", "analytics_glossary", ""),
            ],
        ),
        (
            "Predictions & groups",
            [
                _list("Metrics runs", "query_stats", "analytics.metricsrun"),
                _list(
                    "Segmentations",
                    "bubble_chart",
                    "analytics.segmentation",
                    active=_at("analytics_segmentation"),
                ),
                _page(
                    "Compare",
                    "compare_arrows",
                    "analytics_segmentation_compare",
                    "analytics.view_segmentationcomparison",
                ),
                _list("Embedding models", "hub", "analytics.embeddingmodel"),
                _list("Embeddings", "scatter_plot", "analytics.customerembedding"),
            ],
        ),
        (
            "Recommendations",
            [
                _list(
                    "Runs",
                    "recommend",
                    "recommendations.recorun",
                    active=_at("recommendations_recorun"),
                ),
                _list(
                    "Recommended products",
                    "redeem",
                    "recommendations.recoitem",
                    active=_at("recommendations_recoitem"),
                ),
                _page(
                    "Audit", "fact_check", "recommendations_audit", "recommendations.view_recoaudit"
                ),
                _list("Decisions", "how_to_vote", "recommendations.recodecision"),
                _list("Exports", "outbox", "recommendations.recoexport"),
                _page(
                    "Why not?",
                    "help",
                    "recommendations_why_not",
                    "recommendations.view_recoitem",
                ),
                _list(
                    "Back-tests",
                    "history",
                    "recommendations.backtestrun",
                    active=_at("recommendations_backtestrun"),
                ),
                _list(
                    "Settings",
                    "tune",
                    "recommendations.recoconfig",
                    active=_at("recommendations_recoconfig"),
                ),
                _page(
                    "Outcomes",
                    "monitoring",
                    "recommendations_outcomes",
                    "recommendations.view_upliftreport",
                ),
                _list("Arms", "call_split", "recommendations.assignment"),
                _list("What followed", "shopping_bag", "recommendations.outcomeevent"),
                _list("Windows", "date_range", "recommendations.outcomewindow"),
            ],
        ),
        (
            "Signals",
            [
                _list("Signals", "sensors", "analytics.signal", active=_at("analytics_signal")),
                _list("Interest", "local_fire_department", "analytics.signalscore"),
                _page("Queue", "monitoring", "analytics_signal_queue", "analytics.view_signal"),
                _list(
                    "Quarantine",
                    "report",
                    "analytics.quarantinedevent",
                    **_counter(request, _QUARANTINE, "warning"),
                ),
                _list("As received", "data_object", "analytics.rawevent"),
                _list("Signal types", "sell", "analytics.signaltype"),
                _page(
                    "Ingest tokens",
                    "vpn_key",
                    "common_apitoken_changelist",
                    "common.view_apitoken",
                    link=_INGEST_TOKENS,
                    active=_ingest_tokens_open,
                ),
            ],
        ),
        (
            "Imports",
            [
                _page(
                    "Import a file",
                    "upload_file",
                    "customers_importbatch_add",
                    "customers.add_importbatch",
                ),
                _list(
                    "Imports",
                    "history",
                    "customers.importbatch",
                    active=_at("customers_importbatch"),
                    **_counter(request, _PREVIEWS, "warning"),
                ),
                _list("Refused lines", "block", "customers.refusedrow"),
            ],
        ),
        (
            "Operations",
            [
                _list("Jobs", "manufacturing", "common.job", **_counter(request, _JOBS, "info")),
                _list(
                    "Pipeline",
                    "account_tree",
                    "analytics.pipelinerun",
                    active=_at("analytics_pipelinerun"),
                ),
                _page("Freshness", "update", "common_freshness", "common.view_refreshstate"),
                _list("Backups", "backup", "common.backuprun"),
                _list("Restore drills", "settings_backup_restore", "common.drillrun"),
                _page("Database", "database", "common_database", "common.view_database"),
                _list("Schedules", "schedule", "django_celery_beat.periodictask"),
            ],
        ),
        (
            "People & access",
            [
                _list("Users", "person", "common.user"),
                _list(
                    "API tokens",
                    "key",
                    "common.apitoken",
                    active=lambda request: (
                        _at("common_apitoken")(request) and not _ingest_tokens_open(request)
                    ),
                ),
                _list("Groups", "groups", "auth.group"),
                _list("Failed sign-ins", "gpp_bad", "axes.accessattempt"),
            ],
        ),
    ]
    may = request.user.has_perm
    return [
        {
            "title": title,
            "separator": bool(title),
            "items": [entry for entry in entries if not entry["needs"] or may(entry["needs"])],
        }
        for title, entries in groups
    ]


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Customer CRM",
    "SITE_HEADER": "Customer CRM",
    "SITE_SUBHEADER": "Customers, orders, segments",
    "SITE_SYMBOL": "donut_small",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("crm/favicon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "recommendations.admin.dashboard.dashboard",
    "ENVIRONMENT": "crm_project.unfold.environment",
    "STYLES": [
        lambda request: static("crm/admin.css"),
        lambda request: static("crm/charts.css"),
    ],
    "SCRIPTS": [lambda request: static("crm/tabs.js")],
    "COMMAND": {"search_callback": "analytics.admin.palette.search", "show_history": False},
    "SIDEBAR": {
        "show_search": False,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "crm_project.unfold.navigation",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
}
