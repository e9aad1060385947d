drop function crm_private.analyze_signals();
drop table public.analytics_signalreceipt;
drop table public.analytics_rawevent;
drop function crm_private.raw_event_stays();
drop table public.analytics_signal;
