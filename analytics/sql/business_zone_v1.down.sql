drop function crm_private.set_business_zone(text);
drop table crm_private.business;
drop schema crm_private;
