drop index analytics_customer_left_out;
drop view analytics_currentrfmscore;
drop table analytics_rfmscore;
