"""The set-based half of importing consents: their key is customer, channel and purpose together."""

from collections.abc import Mapping
from typing import Any

from customers.importers.registry import BatchFacts, Outcome

_OWNER = """
    coalesce(
        (select c.id from customers_customer as c where c.code = r.customer_code),
        (select a.customer_id from customers_customeralias as a where a.code = r.customer_code)
    )
"""
_REFUSE = f"""
    insert into import_refused (line, code, words)
    select r.line, 'unknown_customer', 'There is no customer of this code.'
    from import_row as r
    where {_OWNER} is null
"""  # noqa: S608 - built from the constant above only
# The newest decision of the file for each; an older one than the stored changes nothing.
_STATE = f"""
    create temp table import_state on commit drop as
    select
        g.*,
        t.id,
        t.id is not null and g.decided_at >= t.decided_at
            and (g.status, coalesce(g.source, t.source), g.decided_at)
                is distinct from (t.status::text, t.source::text, t.decided_at) as differs
    from (
        select distinct on (owner, channel, purpose)
            owner, channel, purpose, status, source, least(r.decided_at, now()) as decided_at
        from (
            select r.*, {_OWNER} as owner, coalesce(r.what_for, 'marketing') as purpose
            from import_row as r
            where not exists (select from import_refused as x where x.line = r.line)
        ) as r
        order by owner, channel, purpose, r.decided_at desc, line desc
    ) as g
    left join customers_consent as t
        on t.customer_id = g.owner and t.channel = g.channel and t.purpose = g.purpose
"""  # noqa: S608 - as above
_COUNT = """
    select
        count(*) filter (where s.id is null),
        count(*) filter (where s.differs),
        count(*) filter (where s.id is not null and not s.differs),
        (select count(*) from import_row as r where not exists (
            select from import_refused as x where x.line = r.line
        )) - count(*)
    from import_state as s
"""
_INSERT = """
    insert into customers_consent
        (customer_id, channel, purpose, status, source, decided_at, updated_at)
    select owner, channel, purpose, status, coalesce(source, %s), decided_at, now()
    from import_state where id is null
    order by owner, channel, purpose
    on conflict (customer_id, channel, purpose) do nothing
"""
_LOCK = """
    select t.id from customers_consent as t join import_state as s on s.id = t.id
    where s.differs order by t.customer_id, t.channel, t.purpose for update of t
"""
_UPDATE = """
    update customers_consent as t
    set status = s.status, source = coalesce(s.source, t.source), decided_at = s.decided_at,
        updated_at = now()
    from import_state as s where s.id = t.id and s.differs and s.decided_at >= t.decided_at
"""


class ConsentsPlan:
    """How staged rows become consents: the newest decision stands, older ones are skipped."""

    @property
    def tables(self) -> Mapping[str, str]:
        return {
            "import_row": "line bigint not null, customer_code text not null,"
            " channel text not null, status text not null, decided_at timestamptz not null,"
            " what_for text, source text"
        }

    def classify(self, cursor: Any, facts: BatchFacts) -> Outcome:
        """Find out what is new, changed and unchanged."""
        cursor.execute("analyze import_row")
        cursor.execute(_REFUSE)
        cursor.execute(_STATE)
        cursor.execute("analyze import_state")
        cursor.execute(_COUNT)
        new, changed, unchanged, older = cursor.fetchone()
        create, update = facts.mode != "update", facts.mode != "create"
        return Outcome(
            new=new if create else 0,
            changed=changed if update else 0,
            unchanged=unchanged,
            skipped=older + (0 if create else new) + (0 if update else changed),
        )

    def apply(self, cursor: Any, facts: BatchFacts) -> None:
        """Write what was classified, in the order of the keys."""
        if facts.mode != "update":
            cursor.execute(_INSERT, [f"import {facts.source}"[:100]])
        if facts.mode != "create":
            cursor.execute(_LOCK)
            cursor.execute(_UPDATE)


CONSENTS_PLAN = ConsentsPlan()
