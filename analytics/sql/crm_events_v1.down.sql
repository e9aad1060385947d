drop view crm.events;
drop function crm.day_start(date);
