"""Turn records into staged order lines: one loop for every shape of order file.

Consecutive lines under one head form a *run*; what they share is staged once. A line's ordinal is
its place among all lines of its order, refused ones included, so that mending a refused line later
shifts no other. Within a run it is counted here, over the file's runs it is summed up in SQL.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from customers.importers.errors import Reason, Refused
from customers.importers.header import Column
from customers.importers.records import Broken, Chunk
from customers.importers.registry import Reading, Refusal, Staged
from customers.importers.values import EMPTY, Memo, copy_text, scaled, text, unscaled
from orders.importers.heads import HEAD, Head, HeadParser
from orders.importers.rules import GENERIC, NAMES, ONLINE_RETAIL, OrderRules

BODY = (
    "product_key", "product_label", "quantity", "unit_price", "discount_amount", "tax_amount",
)  # fmt: skip
_LABELS_KEPT = 50_000
_LABEL_CHARACTERS = 8_000_000


@dataclass(slots=True)
class _Run:
    number: int
    head: Head
    accepted: bool
    first_line: int
    lines: int = 0
    net: int = 0
    tax: int = 0

    def row(self) -> str:
        flag = "t" if self.accepted else "f"
        net, tax = unscaled(self.net, 4), unscaled(self.tax, 4)
        start = f"{self.number}\t{self.head.identity}\t{self.lines}\t{flag}\t{self.first_line}"
        return f"{start}\t{self.head.cells}\t{net}\t{tax}\n"


@dataclass(slots=True)
class _Item:
    """A product under one label: its columns in COPY's form, and how often it was accepted."""

    product: str
    label: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class OrderFormat:
    """A shape of order files."""

    rules: OrderRules

    @property
    def columns(self) -> Sequence[Column]:
        return self.rules.columns

    @property
    def numbers(self) -> Sequence[str]:
        """Columns whose look tells the decimal mark."""
        names = ("quantity", "unit_price")
        return [c.name for c in self.columns if NAMES.get(c.name, c.name) in names]

    def parse(self, chunks: Iterator[Chunk], reading: Reading) -> Iterator[Staged]:
        """Yield staged rows, chunk by chunk; the last one closes what is open."""
        parser = _OrderParser(self.rules, reading)
        for chunk in chunks:
            yield parser.chunk(chunk)
        yield parser.end()


class _OrderParser:
    def __init__(self, rules: OrderRules, reading: Reading) -> None:
        self._rules = rules
        self._width = reading.layout.width
        places = {NAMES.get(name, name): place for name, place in reading.layout.places.items()}
        # A missing column reads the empty cell that is added behind the last.
        self._head_of = itemgetter(*_pair([places[name] for name in HEAD if name in places]))
        self._full_head = itemgetter(*(places.get(name, self._width) for name in HEAD))
        self._body_of = itemgetter(*(places.get(name, self._width) for name in BODY))
        self._heads = Memo[Sequence[str], Head](HeadParser(rules, reading).parse)
        self._items = Memo[tuple[str, str], _Item](self._item)
        number = partial(scaled, comma=reading.comma)
        self._quantity = partial(number, name="quantity", places=3, whole=11)
        self._price = partial(number, name="price", places=4, whole=10)
        self._amount = partial(number, name="amount", places=4, whole=10)
        self._quantities = Memo[str, tuple[int, str]](lambda raw: _both(self._quantity(raw), 3))
        self._prices = Memo[str, tuple[int, str]](lambda raw: _both(self._price(raw), 4))
        self._head_cells: Sequence[str] = ()
        self._number: str | None = None
        self._head = Head()
        self._run: _Run | None = None
        self._runs = 0

    def chunk(self, chunk: Chunk) -> Staged:
        """Stage one chunk of records. The usual line is done here; all else is in methods."""
        staged = Staged(rows={"import_run": [], "import_line": [], "import_label": []})
        lines, width = staged.rows["import_line"], self._width
        items, quantities, prices = self._items, self._quantities, self._prices
        head, run = self._head, self._open_run()
        for number, raw, row in zip(chunk.numbers, chunk.texts, chunk.rows, strict=True):
            if len(row) != width:
                self._odd(number, raw, row, staged)
            else:
                row.append("")
                cells = self._head_of(row)
                if cells != self._head_cells:
                    self._turn(cells, self._full_head(row), staged)
                    head, run = self._head, None
                code, label, raw_quantity, raw_price, discount, tax = self._body_of(row)
                item = items[code, label]
                quantity = quantities[raw_quantity]
                price = prices[raw_price]
                if (
                    run is not None
                    and item is not None
                    and quantity is not None
                    and price is not None
                    and price[0] >= head.least_price
                    and not discount
                    and not tax
                    and (units := quantity[0] * head.sign) > 0
                ):
                    run.lines += 1
                    run.net += (units * price[0] + 500) // 1000
                    item.count += 1
                    lines.append(
                        f"{run.number}\t{run.lines}\t{number}\t{item.product}\t{quantity[1]}"
                        f"\t{price[1]}\t{_NO_EXTRA}\n"
                    )
                    continue
                reason = head.reason or self._line(number, self._body_of(row), staged)
                if reason:
                    self._refuse(number, raw, reason, staged)
            head, run = self._head, self._open_run()
        staged.records = len(lines) + len(staged.refused)
        if len(items) > _LABELS_KEPT or items.characters > _LABEL_CHARACTERS:
            self._give_labels(staged)
        return staged

    def end(self) -> Staged:
        """Stage the open run and the labels counted so far."""
        staged = Staged(rows={"import_run": [], "import_label": []})
        self._close(staged)
        self._give_labels(staged)
        return staged

    def _open_run(self) -> _Run | None:
        """Return the run that an accepted line may simply continue."""
        return self._run if self._run and self._run.accepted else None

    def _line(self, number: int, body: Sequence[str], staged: Staged) -> Reason | None:
        """Stage one line under the present head, or tell why not."""
        code, label, raw_quantity, raw_price, raw_discount, raw_tax = body
        item = self._items[code, label]
        quantity = self._quantities[raw_quantity]
        price = self._prices[raw_price]
        if item is None or quantity is None or price is None:
            return self._why(body)
        head = self._head
        units = quantity[0] * head.sign if head.sign else abs(quantity[0])
        if units <= 0 or price[0] < head.least_price:
            return _out_of_range(head, quantity[0], units)
        discount = tax = 0
        if raw_discount or raw_tax:
            try:
                discount, tax = self._extra(raw_discount, raw_tax, units * price[0])
            except Refused as refused:
                return refused.reason
        run = self._run
        if run is None or not run.accepted:
            run = self._enter(number, staged, accepted=True)
        run.lines += 1
        run.net += (units * price[0] - discount * 1000 + 500) // 1000
        run.tax += tax
        item.count += 1
        extra = (
            f"{unscaled(discount, 4) if raw_discount else _NULL}\t"
            f"{unscaled(tax, 4) if raw_tax else _NULL}"
            if raw_discount or raw_tax
            else _NO_EXTRA
        )
        staged.rows["import_line"].append(
            f"{run.number}\t{run.lines}\t{number}\t{item.product}\t{quantity[1]}\t{price[1]}\t{extra}\n"
        )
        return None

    def _extra(self, discount: str, tax: str, amount: int) -> tuple[int, int]:
        """Return discount and tax of a line whose amount is given times ten million."""
        less = self._amount(discount, name="discount") if discount.strip() else 0
        more = self._amount(tax, name="tax") if tax.strip() else 0
        if less < 0 or more < 0:
            raise Refused("negative_amount", "A discount or a tax is less than zero.")
        if less * 1000 > amount:
            raise Refused("discount_too_large", "The discount is larger than the line's amount.")
        return less, more

    def _item(self, key: tuple[str, str]) -> _Item:
        label = text(key[1], name="label", limit=300)
        if self._rules.by_label and label and key[0].strip() in EMPTY:
            # No article number begins with a space, so the label cannot be taken for one.
            product = f" {label}"
        else:
            product = self._rules.product_key(key[0])
        charge = "t" if self._rules.is_charge(product) else "f"
        return _Item(copy_text(product), f"{copy_text(label)}\t{charge}")

    def _why(self, body: Sequence[str]) -> Reason:
        code, label, quantity, price, _, _ = body
        if self._items[code, label] is None:
            return self._items.why((code, label))
        if self._quantities[quantity] is None:
            return self._quantities.why(quantity)
        return self._prices.why(price)

    def _odd(self, number: int, raw: str, row: list[str], staged: Staged) -> None:
        """A blank line is nothing; any other without the right number of cells is refused."""
        if isinstance(row, Broken):
            reason = Reason(row.code, row.words)
        elif not any(cell.strip() for cell in row):
            return
        else:
            words = f"The line has {len(row)} columns, the header has {self._width}."
            reason = Reason(
                "too_many_columns" if len(row) > self._width else "too_few_columns", words
            )
        padded = [*row, *[""] * (self._width + 1)][: self._width + 1]
        full = self._full_head(padded)
        if full[0] != self._number:
            self._turn(self._head_of(padded), full, staged)
        self._refuse(number, raw, reason, staged)

    def _turn(self, cells: Sequence[str], full: Sequence[str], staged: Staged) -> None:
        """Go on to another head: ``cells`` as they are compared, ``full`` as they are checked."""
        self._close(staged)
        self._head_cells, self._number = cells, full[0]
        self._head = self._heads[full] or Head()

    def _enter(self, line: int, staged: Staged, *, accepted: bool) -> _Run:
        self._close(staged)
        self._runs += 1
        self._run = _Run(self._runs, self._head, accepted, line)
        return self._run

    def _close(self, staged: Staged) -> None:
        if self._run is not None:
            staged.rows["import_run"].append(self._run.row())
            self._run = None

    def _refuse(self, number: int, raw: str, reason: Reason, staged: Staged) -> None:
        staged.refused.append(Refusal(number, raw, reason.code, reason.words))
        if self._head.identity:
            run = self._run
            if run is None or run.accepted:
                run = self._enter(number, staged, accepted=False)
            run.lines += 1

    def _give_labels(self, staged: Staged) -> None:
        staged.rows["import_label"] += [
            f"{item.product}\t{item.label}\t{item.count}\n"
            for item in self._items.values()
            if item and item.count
        ]
        self._items.clear()


_NULL = r"\N"
_NO_EXTRA = f"{_NULL}\t{_NULL}"


def _pair(places: list[int]) -> list[int]:
    """Return at least two places: only then ``itemgetter`` gives a tuple."""
    return places if len(places) > 1 else places * 2


def _both(value: int, places: int) -> tuple[int, str]:
    """Return the number for reckoning, and without its sign for the database."""
    return value, unscaled(abs(value), places)


def _out_of_range(head: Head, quantity: int, units: int) -> Reason:
    if units > 0:
        if head.least_price:
            return Reason("price_not_positive", "The price of a sale is zero or less.")
        return Reason("price_negative", "The price is less than zero.")
    if head.sign < 0:
        return Reason(
            "return_quantity_not_negative", "A return's quantity is below zero in this format."
        )
    if quantity < 0:
        return Reason("quantity_negative", "The quantity of a sale is less than zero.")
    return Reason("quantity_zero", "The quantity is zero.")


ORDER_FORMATS = {"online-retail": OrderFormat(ONLINE_RETAIL), "generic": OrderFormat(GENERIC)}
