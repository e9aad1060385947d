-- Scores: one partition per run, and the view of the current run.
-- No foreign keys: customers are never deleted while they have orders, and a check of each of a
-- million rows against them would cost more than the scoring.

create table analytics_rfmscore (
    customer_id bigint not null,
    run_id integer not null,
    recency_days integer not null,
    frequency integer not null,
    r smallint not null,
    f smallint not null,
    m smallint not null,
    segment_id smallint not null,
    monetary numeric(14, 2) not null,
    primary key (customer_id, run_id)
) partition by list (run_id);

comment on table analytics_rfmscore is
'One row per customer with a counted sale and run. Written by crm_private.rfm_fill only.';

create view analytics_currentrfmscore as
select
    customer_id,
    run_id,
    recency_days,
    frequency,
    monetary,
    r,
    f,
    m,
    segment_id
from analytics_rfmscore
where run_id = (select id from analytics_rfmrun where is_current);

comment on view analytics_currentrfmscore is
'One row per customer with a counted sale, of the current run. Moving the pointer moves the view.';

-- Serves every run: whom scoring leaves out, without reading a million customers.
create index analytics_customer_left_out on customers_customer (id)
where is_test or status <> 'active';
