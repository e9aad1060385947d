"""Arguments that several commands of runs understand in the same way."""

from argparse import ArgumentParser


def add_run_arguments(parser: ArgumentParser) -> None:
    """Add what becomes of a run, and how it is printed."""
    add_pointer_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="Store nothing, only print.")
    parser.add_argument("--json", action="store_true", help="Print the run as JSON.")


def add_pointer_arguments(parser: ArgumentParser) -> None:
    """Add what decides whether everybody sees the result.

    ``make_current`` is None where neither was asked for: what is of an earlier day than the current
    result then only goes into the history.
    """
    pointer = parser.add_mutually_exclusive_group()
    pointer.add_argument(
        "--keep-current",
        dest="make_current",
        action="store_false",
        default=None,
        help="Only add to the history; everybody goes on seeing the current result.",
    )
    pointer.add_argument(
        "--make-current",
        action="store_true",
        default=None,
        help="Let everybody see this result, even if the current one is of a later day.",
    )
