"""The statements that turn a staged batch into receipts, raw events and signals.

What the subqueries ask is one row by its key: a join would let the planner guess how many.
"""
# ruff: noqa: S608 - built from the constants in this file only

from analytics.services.signal_batch import COLUMNS

PREPARE = f"""
    select crm_private.enter_signal_gate();
    set local client_min_messages = warning;
    create temp table if not exists signal_batch ({COLUMNS}) on commit delete rows;
    delete from pg_temp.signal_batch
"""
"""In one message to the server. Nothing is there to delete, but in a transaction with several
batches; the table is the session's, since making one for each batch would cost the catalogue."""

RECEIPTS = """
    insert into analytics_signalreceipt (digest, event_id, received_at)
    select digest, id, received_at
    from pg_temp.signal_batch
    where digest is not null and not repeated
    order by digest
    on conflict (digest) do nothing
"""

# A statement of its own after the receipts: only a new snapshot sees whom another worker's wait
# was for.
_OUTCOME = """
        case
            when b.digest is null then 'stored'
            when b.id = (
                select r.event_id from analytics_signalreceipt as r where r.digest = b.digest
            ) then 'stored'
            else 'duplicate'
        end
"""

# Where every message id of the batch was new, nobody else can have been first.
_OUTCOME_ALL_NEW = "case when b.repeated then 'duplicate' else 'stored' end"

_RAW = """
    insert into analytics_rawevent (
        id, received_at, may_identify, source, token, message_id, shape, hint, sent_at,
        outcome, body
    )
    select
        b.id, b.received_at, b.may_identify, b.source, b.token, b.message_id, b.shape, b.hint,
        b.sent_at, {outcome}, b.body
    from pg_temp.signal_batch as b
    order by b.id
    on conflict (id, received_at) do nothing
    returning id, outcome
"""

_SIGNALS = """
    insert into analytics_signal (
        id, occurred_at, received_at, customer_id, product_id, score, historical,
        customer_ref, product_ref, event_type, source, message_id, kind, signal_data
    )
    select
        b.id, b.occurred_at, b.received_at,
        coalesce(
            (
                select c.id from customers_customer as c
                where c.code = b.customer_ref and c.status <> 'merged'
            ),
            (select a.customer_id from customers_customeralias as a where a.code = b.customer_ref),
            (select c.id from customers_customer as c where c.code = b.customer_ref)
        ),
        case when b.product_ref <> '' then
            (select p.id from orders_product as p where p.key = b.product_ref)
        end,
        b.score * 0.01, b.historical, b.customer_ref, b.product_ref, b.event_type, b.source,
        b.message_id, b.kind, b.signal_data
    from pg_temp.signal_batch as b
"""

_FIRST_TIME = f"""
    with raw as ({_RAW}),
    made as (
        {_SIGNALS}
        inner join raw on raw.id = b.id
        where raw.outcome = 'stored'
        returning customer_id
    )
    select
        (select count(*) from raw where outcome = 'duplicate'),
        count(*),
        count(customer_id)
    from made
"""

FIRST_TIME = _FIRST_TIME.format(outcome=_OUTCOME)
"""Returns duplicates, new signals, and those of them that belong to a known customer."""

FIRST_TIME_ALL_NEW = _FIRST_TIME.format(outcome=_OUTCOME_ALL_NEW)
"""The same where ``RECEIPTS`` wrote one for each message id in the batch."""

REPLAY = f"""
    with raw as ({_RAW.format(outcome=_OUTCOME)}),
    judged as (select b.id, {_OUTCOME} as outcome from pg_temp.signal_batch as b),
    made as (
        {_SIGNALS}
        inner join judged on judged.id = b.id
        where
            judged.outcome = 'stored'
            and not exists (select from analytics_signal as s where s.id = b.id)
        on conflict (id, occurred_at) do nothing
        returning customer_id
    )
    select
        (select count(*) from judged where outcome = 'duplicate'),
        count(*),
        count(customer_id)
    from made
"""
"""The same for envelopes whose raw event may be there already."""
