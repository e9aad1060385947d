drop function analytics_rfm_movement(integer, integer);
