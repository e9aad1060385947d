"""``python -m benchmarks --scale small|full [--only NAME] [--write]``.

Uses a PostgreSQL of its own under ``.crm/bench/<scale>``; its data is made once and kept.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

import django
from rich.console import Console

from benchmarks import page
from benchmarks.framework import SCALES, Row, machine, modules, needs_data, run_module, table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """Set up, measure, print; with ``--write`` also keep the result in docs/benchmarks.md."""
    options = _options()
    scale = SCALES[options.scale]
    console = Console(width=None if Console().is_terminal else 180)
    start_apart(scale.name)
    # Imported late: they need Django and the server.
    from benchmarks import data  # noqa: PLC0415

    console.print(f"[dim]{machine()}[/dim]")
    if any(needs_data(name) for name in modules(options.only)):
        with console.status("Making the data (once) …"):
            data.ensure(scale)
    results: dict[str, list[Row]] = {}
    for name in modules(options.only):
        with console.status(f"Measuring {name} …"):
            results[name] = run_module(name, scale)
        console.print(table(name, results[name]))
    if options.write:
        page.keep(PAGE, scale.name, results)
        console.print(f"Written to {PAGE.relative_to(ROOT)}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scale", choices=sorted(SCALES), default="small")
    parser.add_argument("--only", metavar="NAME", choices=modules(), help="One benchmark only.")
    parser.add_argument("--write", action="store_true", help="Keep the result in the docs.")
    return parser.parse_args()


def start_apart(name: str, also: Mapping[str, str] | None = None) -> Path:
    """Start servers of their own under ``.crm/bench/<name>`` and Django on them.

    Never on anybody's real data. ``also`` are more settings, by environment variable. Returns the
    folder.
    """
    home = ROOT / ".crm" / "bench" / name
    for variable in ("DATABASE_URL", "REDIS_URL"):
        # Set and empty: a line in .env cannot bring them back.
        os.environ[variable] = ""
    os.environ["CRM_HOME"] = str(home)
    os.environ["DJANGO_SETTINGS_MODULE"] = "crm_project.settings"
    os.environ.update(also or {})
    from crm_project import embedded  # noqa: PLC0415 - must see the variables above

    embedded.ensure_for_process(handle_signals=True)
    django.setup()
    return home


if __name__ == "__main__":
    main()
