"""Outcomes as the command prints them."""

from dataclasses import asdict
from typing import Any

from crm_project.common import formats
from recommendations.services.learning import Proposal
from recommendations.services.outcome_step import NOBODY, Found


def outcome_facts(found: Found, proposal: Proposal | None) -> dict[str, Any]:
    """Return everything as plain values."""
    facts: dict[str, Any] = {
        "as_of": found.as_of.isoformat(),
        "attributed": None,
        "reports": [
            {"campaign": row.campaign.code if row.campaign else None, **row.results}
            for row in found.reports
        ],
    }
    if found.attributed:
        facts["attributed"] = {**asdict(found.attributed), "as_of": facts["as_of"],
                               "words": str(found.attributed)}  # fmt: skip
    if proposal:
        facts["proposal"] = {
            "config": proposal.config.hash if proposal.config else None,
            "words": list(proposal.words),
        }
    return facts


def outcome_words(facts: dict[str, Any]) -> str:
    """Return what people read."""
    lines = [f"Outcomes as of {facts['as_of']}"]
    if facts["attributed"]:
        lines.append(facts["attributed"]["words"])
    lines += [line for report in facts["reports"] for line in _report(report)]
    if not facts["reports"]:
        lines.append(NOBODY)
    if "proposal" in facts:
        lines += ["", "Learned", *(f"  {words}" for words in facts["proposal"]["words"])]
        if facts["proposal"]["config"]:
            lines.append(f"  Proposed settings {facts['proposal']['config'][:8]}.")
    return "\n".join(lines)


def _report(report: dict[str, Any]) -> list[str]:
    counts = report["counts"]
    name = report["campaign"] or "All campaigns"
    lines = [
        "",
        f"{name}: {counts['measured']:,} customers measured, {counts['open']:,} still in their "
        f"window, {counts['unsent']:,} not written to yet",
        *(f"  {words}" for words in report["words"]),
    ]
    if report["campaign"] is None:
        for what in ("campaigns", "scenarios", "segments"):
            lines += [f"  {what.capitalize()}", *map(_row, report[what])]
        lines += [f"  ALARM: {alarm['words']}" for alarm in report["alarms"]]
    return lines


def _row(row: dict[str, Any]) -> str:
    treated, control = row["treated"], row["control"]
    arms = f"{_share(treated)} of {treated['customers']:,}, {_share(control)} of " \
           f"{control['customers']:,} held back"  # fmt: skip
    lift = row["conversion"]
    if lift is None:
        return f"    {row['name']:<24} {arms}. {row['reason']}"
    ends = " to ".join(f"{lift[end] * 100:+.1f}" for end in ("low", "high"))
    return f"    {row['name']:<24} {arms}: {lift['value'] * 100:+.1f} points ({ends})"


def _share(arm: dict[str, Any]) -> str:
    return formats.NOTHING if arm["conversion"] is None else f"{arm['conversion'] * 100:.1f} %"
