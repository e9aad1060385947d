-- Items, exclusions and audit of recommendation runs: one partition per run each.
-- No foreign keys, for the reasons given for the RFM scores.

create table recommendations_recoitem (
    id bigint not null,
    run_id integer not null,
    customer_id bigint not null,
    product_id bigint not null,
    rank smallint not null,
    scenario varchar(10) not null,
    slot varchar(7) not null,
    score numeric(5, 2) not null,
    price numeric(14, 2),
    reasons jsonb not null,
    status varchar(8) not null default 'pending',
    decided_by_id bigint,
    decided_at timestamptz,
    primary key (id, run_id)
) partition by list (run_id);

-- Serves the list of one customer in one run, and that no rank is given twice.
create unique index recommendations_recoitem_list
on recommendations_recoitem (customer_id, run_id, rank);

comment on table recommendations_recoitem is
'One row per customer, run and rank. Copied between crm_private.reco_open and reco_seal.';

create table recommendations_recoexclusion (
    customer_id bigint not null,
    run_id integer not null,
    stage varchar(7) not null,
    code varchar(30) not null,
    details jsonb not null,
    primary key (customer_id, run_id, stage)
) partition by list (run_id);

comment on table recommendations_recoexclusion is
'Why a customer is offered nothing, or may not be contacted, in one run.';

create table recommendations_recoaudit (
    customer_id bigint not null,
    run_id integer not null,
    score smallint not null,
    errors smallint not null,
    warnings smallint not null,
    exportable boolean not null,
    primary key (customer_id, run_id)
) partition by list (run_id);

comment on table recommendations_recoaudit is 'The audit of one customer''s list in one run.';

create table recommendations_audititem (
    customer_id bigint not null,
    run_id integer not null,
    ordinal smallint not null,
    rank smallint,
    product_id bigint,
    code varchar(30) not null,
    severity varchar(7) not null,
    details jsonb not null,
    primary key (customer_id, run_id, ordinal)
) partition by list (run_id);

comment on table recommendations_audititem is 'One finding of the audit of one run.';
