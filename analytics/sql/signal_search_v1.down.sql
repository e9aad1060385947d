drop text search configuration public.crm_search;
