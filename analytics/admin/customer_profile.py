"""What the profile adds to the customer page: average order, rhythm, main family, and a tab."""

from calendar import day_name
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest

from analytics.models import CustomerProfile
from analytics.selectors.profiles import Profile, shown_profile
from crm_project.common import formats
from crm_project.common.admin import TemplateTab
from crm_project.common.registry import Kpi, customer_page

PERMISSION = "analytics.view_customerprofile"

LISTS = (
    ("families", "Families"),
    ("grapes", "Grapes"),
    ("sugar_levels", "Sugar levels"),
    ("price_bands", "Price bands"),
    ("products", "Articles"),
    ("channels", "Channels"),
)


def _profile(request: HttpRequest, customer_id: int) -> Profile:
    """Read it once for a page, or a tab of it."""
    key = f"crm.profile.{customer_id}"
    if key not in request.META:
        request.META[key] = shown_profile(customer_id=customer_id)
    found: Profile = request.META[key]
    return found


def kpis(request: HttpRequest, customer: Any) -> Iterator[Kpi]:
    """Yield average order, rhythm and main family, where they are known."""
    found = _profile(request, customer.pk)
    if found.as_of is None:
        return
    values, link = found.values, "#dataset-customerprofile"
    note = f"as of {found.as_of:%-d %b %Y}"
    average = formats.money(values["average_order_value"])
    yield Kpi("Average order", average, note=note, href=link)
    gap = values["median_gap_days"]
    if gap is not None:
        yield Kpi("Orders every", days(gap), note="the usual time between orders", href=link)
    if values["families"]:
        top = values["families"][0]
        yield Kpi("Buys mostly", top["value"], note=f"{top['share']:.0%} of revenue", href=link)


def days(number: float) -> str:
    """Return a number of days in words."""
    return "1 day" if number == 1 else f"{number:,.1f}".removesuffix(".0") + " days"


class ProfileTab(TemplateTab):
    """Tastes with their shares, aromas with their confidence, rhythm and channels."""

    model = CustomerProfile
    title = "Profile"
    template_name = "crm/profile_tab.html"

    def context(self) -> dict[str, Any]:
        key = str(self.object_id)
        if not key.isdecimal():
            return {}
        found = _profile(self.request, int(key))
        return {
            "reason": found.reason,
            "as_of": found.as_of,
            "facts": list(_facts(found.values)) if found.as_of else [],
            "lists": [
                {"title": title, "rows": [_bar(item) for item in found.values[name]]}
                for name, title in LISTS
                if found.values[name]
            ],
            "aromas": _aromas(found.values["aromas"]),
            "confidence": found.values["aroma_confidence"],
        }


def _facts(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is known, each with its name."""
    yield "Sales", formats.count(values["orders"])
    yield "Average order", formats.money(values["average_order_value"])
    gap = values["median_gap_days"]
    yield "Usual time between orders", "needs two days with a sale" if gap is None else days(gap)
    share = values["returns_share"]
    yield "Returned of what was bought", formats.NOTHING if share is None else f"{share:.1%}"
    for name, end in (("First article", "first_product"), ("Last article", "last_product")):
        yield name, values[end].label if values[end] else formats.NOTHING
    yield "Usual time of ordering", _usual(values) or "needs three sales"


def _usual(values: dict[str, Any]) -> str:
    weekday, hour, season = (
        values[name] for name in ("preferred_weekday", "preferred_hour", "preferred_season")
    )
    parts = [
        day_name[weekday - 1] if weekday else "",
        f"{hour:02}:00 to {hour:02}:59" if hour is not None else "",
        f"in {season}" if season else "",
    ]
    return ", ".join(part for part in parts if part)


def _bar(item: dict[str, Any]) -> dict[str, Any]:
    share = float(item["share"])
    return {
        "value": item.get("label") or item["value"],
        "width": round(share * 100, 1),
        "share": f"{share:.0%}",
        "revenue": item["revenue"],
    }


def _aromas(found: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the axes, the most liked first."""
    axes = sorted((found or {}).items(), key=lambda axis: (-axis[1]["score"], axis[0]))
    return [{"axis": axis, "width": round(one["score"] * 100, 1), **one} for axis, one in axes]


customer_page.add_kpis(kpis, position=25, permission=PERMISSION)
customer_page.add_tab(ProfileTab, position=10, permission=PERMISSION)
