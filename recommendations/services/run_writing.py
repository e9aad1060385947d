"""The steps of a run of recommendations that touch its tables.

Rows arrive by ``COPY`` in tables that nobody else can see yet. Of all rows, without the run's
number in them, a hash is kept: two runs with the same hash say the same.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from django.db import connection

from recommendations.models import RecoExclusion, RecoRun, Slot
from recommendations.models.runs import RUN_SHIFT
from recommendations.scoring.lists import Excluded, Items
from recommendations.scoring.settings import SCENARIOS
from recommendations.scoring.shop import Shop
from recommendations.selectors.contactability import Decision

_LOCK = 7_264_051
"""The advisory lock of recommendation runs; any number that nothing else uses."""

_ITEMS = "id, run_id, customer_id, product_id, rank, scenario, slot, score, price, reasons"
_EXCLUSIONS = "run_id, customer_id, stage, code, details"
_SLOTS = (Slot.REPEAT.value.encode(), Slot.EXPLORE.value.encode())
_NAMES = tuple(name.encode() for name in SCENARIOS)
Stage = RecoExclusion.Stage


def lock() -> bool:
    """Take the lock of recommendations until the transaction ends; False: another run has it."""
    return bool(_one("select pg_try_advisory_xact_lock(%s)", _LOCK))


def drop(run: RecoRun) -> bool:
    """Remove the rows of an old run; False if readers were in the way."""
    return bool(_one("select crm_private.reco_drop(%s)", run.pk))


class Sink:
    """Takes the lists of a run chunk by chunk: counts and hashes them, and writes them if asked.

    Open it once, add all chunks in one order, and publish. Without ``write`` (a look ahead)
    nothing touches the database.
    """

    def __init__(self, run: RecoRun, shop: Shop, *, write: bool) -> None:
        self.scenarios: Counter[str] = Counter()
        self.slots: Counter[str] = Counter()
        self.excluded: Counter[str] = Counter()
        self.contact: Counter[str] = Counter()
        self.items = 0
        self.customers = 0
        self.lists = 0
        self.full = 0
        self._run = run
        self._shop = shop
        self._write = write
        # One of each kind of rows: where a chunk ends must not matter.
        self._hashes = {kind: hashlib.sha256() for kind in ("items", *Stage.values)}
        if write:
            _one("select crm_private.reco_open(%s)", run.pk)

    def add(
        self, items: Items, excluded: Excluded, decisions: Mapping[int, Decision], *, full: int
    ) -> None:
        """Take one chunk.

        Args:
            decisions: by customer id, whether each of its customers may be contacted.
            full: length of a full list.
        """
        self._count(items, excluded, full)
        rows = list(self._item_rows(items))
        offer = list(self._offer_rows(excluded))
        contact = list(self._contact_rows(decisions))
        self._hashes["items"].update(b"".join(rows))
        self._hashes[Stage.OFFER].update(b"".join(offer))
        self._hashes[Stage.CONTACT].update(b"".join(contact))
        if self._write:
            self._copy_items(rows)
            self._copy_exclusions([*offer, *contact])
        self.items += len(rows)

    @property
    def digest(self) -> str:
        """Return one hash of all rows so far."""
        parts = "".join(one.hexdigest() for one in self._hashes.values())
        return hashlib.sha256(parts.encode()).hexdigest()

    def counts(self) -> dict[str, Any]:
        """Return what ``RecoRun.counts`` keeps; ``docs/recommendations.md`` describes it."""
        return {
            "customers": self.customers,
            "lists": self.lists,
            "full_lists": self.full,
            "items": self.items,
            "contactable": self.customers - self.contact.total(),
            "by_scenario": {name: self.scenarios[name] for name in SCENARIOS},
            "by_slot": {slot.value: self.slots[slot.value] for slot in Slot},
            "by_exclusion": dict(sorted(self.excluded.items())),
            "by_contact": dict(sorted(self.contact.items())),
        }

    def publish(self) -> None:
        """Give the tables their keys, and make them readable when the transaction ends."""
        _one("select crm_private.reco_seal(%s)", self._run.pk)
        _one("select crm_private.reco_attach(%s)", self._run.pk)

    def _count(self, items: Items, excluded: Excluded, full: int) -> None:
        found = np.bincount(items.scenario, minlength=len(SCENARIOS)).tolist()
        self.scenarios.update(dict(zip(SCENARIOS, found, strict=True)))
        explore = int(items.explore.sum())
        self.slots.update({Slot.EXPLORE.value: explore, Slot.REPEAT.value: len(items) - explore})
        lengths = np.unique(items.customer, return_counts=True)[1]
        self.lists += len(lengths)
        self.full += int((lengths >= full).sum())
        self.customers += len(lengths) + len(excluded)
        self.excluded.update(excluded.code)

    def _item_rows(self, items: Items) -> Iterator[bytes]:
        customers = self._shop.customers.id[items.customer].tolist()
        products = self._shop.products.id[items.product].tolist()
        columns = zip(
            customers, products, items.rank.tolist(), items.scenario.tolist(),
            items.explore.tolist(), items.score.tolist(), items.price.tolist(), items.reasons,
            strict=True,
        )  # fmt: skip
        for who, what, rank, scenario, explore, score, price, reasons in columns:
            money = b"\\N" if price != price else b"%.2f" % price
            yield b"%d\t%d\t%d\t%b\t%b\t%.2f\t%b\t%b\n" % (
                who, what, rank, _NAMES[scenario], _SLOTS[explore], score, money, _text(reasons),
            )  # fmt: skip

    def _offer_rows(self, excluded: Excluded) -> Iterator[bytes]:
        ids = self._shop.customers.id[excluded.customer].tolist()
        for who, code, details in zip(ids, excluded.code, excluded.details, strict=True):
            yield _exclusion(who, Stage.OFFER, code, details)

    def _contact_rows(self, decisions: Mapping[int, Decision]) -> Iterator[bytes]:
        for who, decision in sorted(decisions.items()):
            if decision.allowed:
                continue
            self.contact[decision.code] += 1
            details = {
                "codes": decision.codes,
                "evidence": msgspec.Raw(decision.shown.encode()),
                "next_allowed_at": decision.next_allowed_at,
            }
            body = msgspec.json.encode(details, order="deterministic")
            yield _exclusion(who, Stage.CONTACT, decision.code, body)

    def _copy_items(self, rows: list[bytes]) -> None:
        first = (self._run.pk << RUN_SHIFT) + self.items
        head = b"\t%d\t" % self._run.pk
        self._copy(
            "recoitem",
            _ITEMS,
            (b"%d%b%b" % (first + place, head, row) for place, row in enumerate(rows)),
        )

    def _copy_exclusions(self, rows: list[bytes]) -> None:
        head = b"%d\t" % self._run.pk
        self._copy("recoexclusion", _EXCLUSIONS, (head + row for row in rows))

    def _copy(self, table: str, columns: str, rows: Iterable[bytes]) -> None:
        # The table's name is our own and the run's number.
        statement = f"copy public.recommendations_{table}_{self._run.pk:d} ({columns}) from stdin"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(b"".join(rows))


def _exclusion(who: int, stage: str, code: str, details: bytes) -> bytes:
    return b"%d\t%b\t%b\t%b\n" % (who, stage.encode(), code.encode(), _text(details))


def _text(json: bytes) -> bytes:
    """Return JSON for COPY's text format: it has no tabs or line ends of its own, but escapes."""
    return json.replace(b"\\", b"\\\\")


def _one(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]
