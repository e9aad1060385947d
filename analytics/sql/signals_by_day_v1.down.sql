drop view crm.signal_summary;
drop view crm.signals_by_day;
drop function crm_private.refresh_customer_signals(timestamptz);
drop function crm_private.refresh_signals_by_day(timestamptz);
drop index public.signal_stored;
