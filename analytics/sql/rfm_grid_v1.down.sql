drop materialized view analytics_rfmgrid;
