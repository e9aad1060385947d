-- What rules of saved segments ask about customers, as they ask it: without these statistics the
-- planner takes every country for a rare one. Computed by ANALYZE like those of a column.

create statistics analytics_customer_country on (nullif(country, '')) from customers_customer;
create statistics analytics_customer_language on (nullif(language, '')) from customers_customer;
