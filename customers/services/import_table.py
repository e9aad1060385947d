"""The set-based half of imports with one row per thing: compare by key, insert, update."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from customers.importers.registry import BatchFacts, Outcome
from customers.models import ContactEvent


@dataclass(frozen=True, slots=True)
class Target:
    """A staged column, its type, the column it goes to, and what a new row gets without it."""

    staged: str
    type: str
    column: str
    default: str = "''"
    # Where the staged value is not taken as it stands: the expression for it, of the staged row r
    # and the stored one t (NULL: nothing is said).
    finds: str = ""

    @property
    def value(self) -> str:
        return self.finds or f"r.{self.staged}"


@dataclass(frozen=True, slots=True)
class Check:
    """Rows that only the database can refuse: a condition on ``r``, with code and words."""

    condition: str
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class TablePlan:
    """How staged rows become rows of one table. All SQL is made of the constants given here."""

    table: str
    key: str
    targets: Sequence[Target]
    constants: Mapping[str, str]
    checks: Sequence[Check] = ()
    touch: bool = True
    # Says, of the staged row r and the stored one t, that a row changes though its values do not.
    differs_also: str = "false"
    # Further assignments of an update, of the classified row s and the stored one t.
    sets: Sequence[str] = ()

    @property
    def tables(self) -> Mapping[str, str]:
        columns = ", ".join(f"{t.staged} {t.type}" for t in self.targets)
        return {"import_row": f"line bigint not null, {self.key} text not null, {columns}"}

    def classify(self, cursor: Any, facts: BatchFacts) -> Outcome:
        """Find out what is new, changed and unchanged."""
        cursor.execute("analyze import_row")
        twice = Check("r.n > 1", "duplicate_key", "The same key stands on an earlier line.")
        for check in (twice, *self.checks):
            cursor.execute(self._refuse(check), [check.code, check.words])
        cursor.execute(self._state())
        cursor.execute("analyze import_state")
        cursor.execute(
            "select count(*) filter (where id is null),"
            " count(*) filter (where id is not null and differs),"
            " count(*) filter (where id is not null and not differs) from import_state"
        )
        new, changed, unchanged = cursor.fetchone()
        create, update = facts.mode != "update", facts.mode != "create"
        return Outcome(
            new=new if create else 0,
            changed=changed if update else 0,
            unchanged=unchanged,
            skipped=(0 if create else new) + (0 if update else changed),
        )

    def apply(self, cursor: Any, facts: BatchFacts) -> None:
        """Write what was classified, in the order of the keys."""
        if facts.mode != "update":
            cursor.execute(self._insert())
        if facts.mode != "create":
            cursor.execute(
                f"select t.id from {self.table} as t join import_state as s on s.id = t.id"  # noqa: S608
                f" where s.differs order by t.{self.key} for update of t"
            )
            cursor.execute(self._update())

    def _refuse(self, check: Check) -> str:
        return f"""
            insert into import_refused (line, code, words)
            select r.line, %s, %s
            from (
                select *, row_number() over (partition by {self.key} order by line) as n
                from import_row
            ) as r
            where {check.condition}
                and not exists (select from import_refused as x where x.line = r.line)
        """  # noqa: S608 - built from the plan's constants only

    def _state(self) -> str:
        values = ", ".join(f"{t.value} as {t.column}" for t in self.targets)
        differs = " or ".join(
            f"({t.value} is not null and t.{t.column} is distinct from {t.value})"
            for t in self.targets
        )
        differs += f" or {self.differs_also}"
        return f"""
            create temp table import_state on commit drop as
            select r.{self.key}, {values}, t.id, t.id is not null and ({differs}) as differs
            from import_row as r
            left join {self.table} as t on t.{self.key} = r.{self.key}
            where not exists (select from import_refused as x where x.line = r.line)
        """  # noqa: S608 - as above

    def _insert(self) -> str:
        names = [t.column for t in self.targets]
        values = [f"coalesce(s.{t.column}, {t.default})" for t in self.targets]
        return f"""
            insert into {self.table} ({", ".join([self.key, *names, *self.constants])})
            select {", ".join([f"s.{self.key}", *values, *self.constants.values()])}
            from import_state as s where s.id is null order by s.{self.key}
            on conflict ({self.key}) do nothing
        """  # noqa: S608 - as above

    def _update(self) -> str:
        sets = [f"{t.column} = coalesce(s.{t.column}, t.{t.column})" for t in self.targets]
        sets += [*self.sets, *["updated_at = now()"] * self.touch]
        return f"""
            update {self.table} as t set {", ".join(sets)}
            from import_state as s where s.id = t.id and s.differs
        """  # noqa: S608 - as above


CUSTOMERS_PLAN = TablePlan(
    table="customers_customer",
    key="code",
    targets=(
        Target("name", "text", "name"),
        Target("email", "text", "email"),
        Target("phone", "text", "phone"),
        Target("language", "text", "language"),
        Target("country", "text", "country"),
        Target("registered_at", "timestamptz", "registered_at", "null"),
        Target("is_test", "boolean", "is_test", "false"),
        Target("is_bounced", "boolean", "is_bounced", "false"),
        Target("is_optout", "boolean", "is_optout", "false"),
    ),
    constants={"status": "'active'", "profile": "'{}'"},
    checks=(
        Check(
            "exists (select from customers_customeralias as a where a.code = r.code)",
            "old_code",
            "This is an old code of a customer who has another one now.",
        ),
    ),
)
_CUSTOMER = (
    "coalesce((select c.id from customers_customer as c where c.code = r.customer_code),"
    " (select a.customer_id from customers_customeralias as a where a.code = r.customer_code))"
)
_CAMPAIGN = "(select k.id from customers_campaign as k where k.code = r.campaign)"
_USUAL_STATUS = "case when s.direction = 'inbound' then 'received' else 'sent' end"
_STEPS = ", ".join(f"'{status}'" for status in ContactEvent.STEPS)
# As in ``services.contacts``: what is stored stays when it is further than what the file says.
_STATUS = (
    f"case when array_position(array[{_STEPS}], t.status::text)"
    f" > array_position(array[{_STEPS}], r.status) then null else r.status end"
)
CONTACTS_PLAN = TablePlan(
    table="customers_contactevent",
    key="external_id",
    targets=(
        Target("customer_code", "text", "customer_id", "null", finds=_CUSTOMER),
        Target("occurred_at", "timestamptz", "occurred_at", "null"),
        Target("channel", "text", "channel"),
        Target("direction", "text", "direction", "'outbound'"),
        Target("purpose", "text", "purpose", "'marketing'"),
        Target("status", "text", "status", _USUAL_STATUS, finds=_STATUS),
        Target("campaign", "text", "campaign_id", "null", finds=_CAMPAIGN),
    ),
    constants={"created_at": "now()"},
    checks=(
        Check(f"{_CUSTOMER} is null", "unknown_customer", "There is no customer of this code."),
        Check(
            f"r.campaign is not null and {_CAMPAIGN} is null",
            "unknown_campaign",
            "There is no campaign of this code.",
        ),
    ),
    touch=False,
)
