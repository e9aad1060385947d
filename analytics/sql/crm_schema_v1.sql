-- The SQL contract: what BI tools, workflows and read-only roles may rely on.

create schema crm;

comment on schema crm is
'The SQL contract: views with stable names and columns. Set search_path = crm, public.';
