"""What all lines of an order share: its number, date, customer and state."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from customers.importers.errors import Reason, Refused
from customers.importers.options import zone
from customers.importers.registry import Reading
from customers.importers.values import EMPTY, Memo, code, copy_text, moment, text
from orders.importers.rules import OrderRules

# The order of the cells that make a head, and of the columns staged from it.
HEAD = (
    "order_number", "ordered_at", "customer_code", "source", "currency", "kind", "status",
    "channel", "customer_name", "customer_email", "country",
)  # fmt: skip
_STATUSES = {"", "pending", "paid", "fulfilled", "cancelled"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class Head:
    """One order's cells, checked. With a ``reason`` every line under it is refused.

    ``identity`` (source and number in COPY's form) is missing only where the number cannot be
    read: such lines have no place in any order. ``sign`` is what the quantity is multiplied by;
    zero: its sign does not matter.
    """

    reason: Reason | None = None
    identity: str = ""
    cells: str = "\\N" + "\t" * 8
    sign: int = 1
    least_price: int = 0


class HeadParser:
    """Checks heads; those that come again are remembered."""

    def __init__(self, rules: OrderRules, reading: Reading) -> None:
        self._rules = rules
        self._reading = reading
        order = reading.options.date_order or rules.date_order
        self._moments = Memo[str, datetime](
            partial(
                moment,
                zone=zone(reading.time_zone),
                order=order,  # type: ignore[arg-type] # one of the literals by Options
                latest=reading.latest,
                shift=reading.options.shift(),
            )
        )
        self._customers = Memo[str, str](rules.customer_code)

    def parse(self, cells: Sequence[str]) -> Head:
        """Return the head, with the reason in it when its lines are refused."""
        head = Head()
        try:
            number = code(cells[0], name="order_number")
            source = text(cells[3], name="source", limit=50) or self._reading.source
            head.identity = f"{copy_text(source)}\t{copy_text(number)}"
            self._fill(head, number, cells)
        except Refused as refused:
            head.reason = refused.reason
        return head

    def _fill(self, head: Head, number: str, cells: Sequence[str]) -> None:
        rules = self._rules
        when = self._moments[cells[1]]
        customer = self._customers[cells[2]]
        if when is None:
            head.reason = self._moments.why(cells[1])
            return
        if customer is None:
            head.reason = self._customers.why(cells[2])
            return
        if not customer and self._reading.options.anonymous == "refuse":
            raise Refused("no_customer", "The line has no customer.")
        if rules.adjustment_prefix and number.upper().startswith(rules.adjustment_prefix):
            raise Refused("adjustment", "A bookkeeping adjustment is not an order.")
        kind = self._kind(number, cells[5])
        values = (
            when.strftime("%Y-%m-%d %H:%M:%S+00"),
            customer,
            _currency(cells[4]),
            kind,
            _status(cells[6]),
            text(cells[7], name="channel", limit=30),
            text(cells[8], name="customer_name", limit=200),
            _email(cells[9]),
            text(cells[10], name="country", limit=80),
        )
        head.cells = "\t".join(copy_text(value) for value in values)
        head.sign = 1 if kind == "sale" else -1 if rules.signed_returns else 0
        head.least_price = 0 if rules.free_of_charge or kind == "return" else 1

    def _kind(self, number: str, cell: str) -> str:
        if prefix := self._rules.return_prefix:
            return "return" if number.upper().startswith(prefix) else "sale"
        kind = cell.strip().lower() or "sale"
        if kind not in {"sale", "return"}:
            raise Refused("bad_kind", f"The kind {cell[:40]!r} is neither sale nor return.")
        return kind


def _currency(cell: str) -> str:
    value = cell.strip().upper()
    if value and not re.fullmatch(r"[A-Z]{3}", value):
        raise Refused("bad_currency", f"The currency {cell[:40]!r} is not like GBP.")
    return value


def _status(cell: str) -> str:
    value = cell.strip().lower()
    if value not in _STATUSES:
        raise Refused("bad_status", f"The status {cell[:40]!r} is not known.")
    return value


def _email(cell: str) -> str:
    value = text(cell, name="customer_email", limit=254)
    if value in EMPTY:
        return ""
    if not _EMAIL.fullmatch(value):
        raise Refused("bad_email", "The e-mail address is not one.")
    return value
