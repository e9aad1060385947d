-- Predictions: one partition per run, and the view of the current run. Without foreign keys, for
-- the reason given in rfm_storage_v1.sql.

create table analytics_customermetrics (
    customer_id bigint not null,
    run_id integer not null,
    churn_probability real,
    purchase_probability_30d real,
    purchase_probability_90d real,
    expected_orders_90d real,
    historic_value numeric(14, 2) not null,
    ltv numeric(14, 2),
    expected_order_value numeric(14, 2),
    expected_value numeric(14, 2),
    churn_band text not null,
    model text not null,
    quality_flag text not null,
    primary key (customer_id, run_id)
) partition by list (run_id);

comment on table analytics_customermetrics is
'One row per customer with a counted sale and run. Written by crm_private.metrics_fill only.';

create view analytics_currentcustomermetrics as
select
    customer_id,
    run_id,
    churn_probability,
    purchase_probability_30d,
    purchase_probability_90d,
    expected_orders_90d,
    historic_value,
    ltv,
    expected_order_value,
    expected_value,
    churn_band,
    model,
    quality_flag
from analytics_customermetrics
where run_id = (select id from analytics_metricsrun where is_current);

comment on view analytics_currentcustomermetrics is
'One row per customer with a counted sale, of the current run. Moving the pointer moves the view.';
