drop function crm_private.analyze_signals();
alter table public.analytics_signal drop constraint signal_kind_known;
