-- How words of signals are read: as they are (no stems: types, codes and articles are no prose),
-- without accents. The words of one signal: its type and references weigh more than its data.

create text search configuration public.crm_search (copy = pg_catalog.simple);

alter text search configuration public.crm_search
alter mapping for hword, hword_part, word
with public.unaccent, pg_catalog.simple;

comment on text search configuration public.crm_search is
'Words as they are, in small letters and without accents.';
