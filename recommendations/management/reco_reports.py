"""What the demo prints about recommendations: how many, why, and what followed."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from customers.models import Campaign
from recommendations.management.backtest_words import short_table
from recommendations.models import BacktestRun, RecoItem, RecoRun, Scenario, UpliftReport
from recommendations.selectors.explanations import explain
from recommendations.services.demo_campaign import CODE

EXAMPLES = 3


def print_recommendations(console: Console) -> None:
    """Print the counts of the current run, its warnings, and some lists with their reasons."""
    run = RecoRun.objects.filter(is_current=True).first()
    if run is None:
        console.print("[bold]Recommendations[/]: none; see Recommendation runs in the admin.")
        return
    counts = run.counts
    console.print(
        f"[bold]Recommendations[/] as of {run.as_of:%d %B %Y}: {counts.get('items', 0):,} products"
        f" for {counts.get('customers', 0):,} customers, {run.get_mode_display()}."
    )
    found = counts.get("by_scenario", {})
    scenarios = ", ".join(f"{Scenario(name).label} ({name}) {n:,}" for name, n in found.items())
    contact = ", ".join(f"{name} {n:,}" for name, n in counts.get("by_contact", {}).items())
    console.print(f"  Scenarios: {scenarios}.")
    if contact:
        console.print(f"  Not to be contacted today: {contact}.")
    for sentence in run.words:
        console.print(f"  {escape(str(sentence))}")
    console.print(_examples(run))


def print_backtest(console: Console) -> None:
    """Print how well the lists would have done on past days, beside simple rules."""
    run = BacktestRun.objects.filter(is_current=True).first()
    if run is None:
        return
    console.print(
        f"[bold]Back-test[/] on {len(run.origins)} past days, {run.seconds or 0:.0f} seconds."
        " More: manage.py backtest_recommendations."
    )
    for sentence in run.words:
        console.print(f"  {escape(str(sentence))}")
    console.print(short_table(run.results["tables"][0]))


def _examples(run: RecoRun) -> Table:
    table = Table(title="The strongest offer of each scenario")
    for column in ("Scenario", "Customer", "Product", "Score", "Why"):
        table.add_column(column, justify="right" if column == "Score" else "left")
    firsts = (
        RecoItem.objects.filter(run=run, scenario=name, rank=1)
        .select_related("customer", "product")
        .order_by("-score", "id")
        .first()
        for name in run.counts.get("by_scenario", {})
    )
    for one in explain([item for item in firsts if item is not None]):
        table.add_row(
            one.scenario,
            escape(str(one.item.customer)),
            escape(one.item.product.label),
            f"{one.item.score:.0f}",
            escape(one.short),
        )
    return table


def print_outcomes(console: Console) -> None:
    """Print what the pretended campaign's report says; nobody was written to, and it should say so.

    A report that found an effect here would be wrong in 95 of 100 shops.
    """
    campaign = Campaign.objects.filter(code=CODE).first()
    report = UpliftReport.objects.filter(campaign=campaign).first() if campaign else None
    if report is None:
        return
    console.print("[bold]Did it work?[/] A pretended campaign: nobody was written to.")
    for sentence in report.words:
        console.print(f"  {escape(str(sentence))}")
