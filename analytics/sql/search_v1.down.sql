drop function public.crm_search_signals(tsquery, integer, interval);
drop function crm_private.gather_search_words(text, timestamptz);
drop function public.crm_signal_text(text, text, text, jsonb);
drop index public.search_word_similar;
drop index public.product_words;
drop index public.customer_words;
drop function public.crm_product_words(text, text, text, text);
drop function public.crm_customer_words(text, text, text);
