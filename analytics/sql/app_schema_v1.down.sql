drop function app_schema.get_top_products(date, date, integer);
drop function app_schema.get_active_users(date, date);
drop function app_schema.check_period(date, date);
drop function app_schema.get_user_stats(bigint);
drop type app_schema.user_stats;
drop schema app_schema;
