drop function crm.signal_amount(jsonb);
drop function crm.signal_number(jsonb);
drop view crm.signals;
