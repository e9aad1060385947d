"""Background jobs of orders: how their parameters become arguments."""

from dataclasses import asdict
from typing import Any

from crm_project.common.jobs import JobContext
from orders.services.catalogue import RULES, derive_catalogue
from orders.services.label_queue import suggest_aliases


def suggest_aliases_job(context: JobContext) -> dict[str, Any]:
    """Look for the products of waiting labels, and for products that are alike."""
    found = suggest_aliases(
        alike=context.params.get("alike", True),
        dry_run=context.params.get("dry_run", False),
        progress=context.progress,
    )
    return {**asdict(found), "words": found.words}


def derive_catalogue_job(context: JobContext) -> dict[str, Any]:
    """Fill what the catalogue lacks by rule."""
    found = derive_catalogue(
        rules=context.params.get("rules") or RULES,
        dry_run=context.params.get("dry_run", False),
    )
    return {**asdict(found), "words": found.words}
