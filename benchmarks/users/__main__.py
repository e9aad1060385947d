"""``make load`` or ``python -m benchmarks.users [--scale full] [--users 300] [--write] …``.

Uses a PostgreSQL and Valkey of its own under ``.crm/bench/load-<scale>``; its data is made once and
kept. The users are locust's, in an environment of their own (``.venv/load``), on the same machine:
what they take of the cores, the site lacks.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import page
from benchmarks.__main__ import PAGE, ROOT, start_apart
from benchmarks.framework import machine
from benchmarks.users import plan as plans
from benchmarks.users import report
from benchmarks.users.plan import Plan

LOCUST = ROOT / ".venv" / "load" / "bin" / "locust"
READING = (
    "The users ran on the same cores as the site and its database. They clicked evenly spread, not"
    " in waves; their browsers had all style sheets and scripts already."
    " The site logged warnings and errors only."
)
SETTINGS = {
    "CRM_LOG_LEVEL": "WARNING",
    "CRM_SECOND_FACTOR": "true",
}
"""Quiet, and signing in as in production."""


def main() -> int:
    """Make the data, run the site and its users, print the table; 1 where it falls short."""
    plan = plans.from_command_line()
    console = Console(width=None if Console().is_terminal else 180)
    # A backup belongs to the night, and nowhere else: it takes the room of a second database.
    nights = {"CRM_BACKUP_BY_BEAT": str(plan.beside == "nightly").lower()}
    home = start_apart(f"load-{plan.scale}", SETTINGS | nights)
    # Imported late: they need Django and the server.
    from benchmarks.users import beside, data, people, site  # noqa: PLC0415 - they need Django

    console.print(f"[dim]{machine()}[/dim]\n{plan.in_words()}")
    data.ensure(plan, home / "made.json", console.print)
    letter, notes = home / "letter.json", home / "notes.jsonl"
    people.invite(plan, letter)
    beside.forget_the_last_time()
    with site.running(workers=plan.workers, log=home / "site.log") as address:
        cpu = site.Cpu()
        with beside.working(plan.beside, wait=plan.coming) as work:
            start = _users(plan, address, letter=letter, notes=notes)
        busy = cpu.busy()
    answers = report.read(notes)
    found = report.lines(answers, start=start, seconds=plan.seconds)
    console.print(report.table(found), *report.wrongs(answers), sep="\n")
    used = "" if busy is None else f" The cores were {busy:.0%} busy, arrivals included."
    used = f" {work.in_words()}{used}".rstrip() if plan.beside else used
    console.print(used.strip())
    if plan.write:
        command = f"make load ARGS='{' '.join(sys.argv[1:])}'"
        words = (
            f"Measured {datetime.now(UTC):%Y-%m-%d} by `{command}`, scale {plan.scale}, on:"
            f" {machine()}. {plan.in_words()}{used} {READING}"
        )
        name = f"load, {plan.beside} work beside" if plan.beside else "load"
        page.put(PAGE, name, report.section(found, words=words))
        console.print(f"Written to {PAGE.relative_to(ROOT)}.")
    came = report.came(answers, staff=plan.staff)
    if not came:
        console.print(
            "Not everybody came, or nothing was opened, read or written: this shows nothing."
        )
    return 0 if came and all(line.holds for line in found) else 1


def _users(plan: Plan, address: str, *, letter: Path, notes: Path) -> float:
    """Let the users come, work and go; return when the measured time began."""
    command = [
        *(str(LOCUST), "--headless", "--only-summary", "--skip-log-setup"),
        *("-f", str(Path(__file__).with_name("locustfile.py")), "--host", address),
        *("--users", str(plan.users), "--spawn-rate", str(plan.spawn)),
        *("--run-time", f"{plan.coming + plan.seconds:.0f}s", "--stop-timeout", "10"),
    ]
    told = {
        "CRM_LOAD_LETTER": str(letter),
        "CRM_LOAD_NOTES": str(notes),
        "PYTHONPATH": str(ROOT),
    }
    begun = time.time()
    notes.unlink(missing_ok=True)
    # Its exit code speaks of errors, which our own table counts.
    subprocess.run(command, env=os.environ | told, stdout=subprocess.DEVNULL, check=False)
    if not notes.exists():
        raise SystemExit("The users did not come: what stopped them stands above.")
    return begun + plan.coming


if __name__ == "__main__":
    raise SystemExit(main())
