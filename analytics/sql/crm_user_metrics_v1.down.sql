drop view crm.user_metrics;
