drop function public.crm_search_signals(tsquery, integer, timestamptz, timestamptz, interval);
