drop function crm_private.embedding_analyze();
drop function crm_private.embedding_index_drop(integer);
drop function crm_private.embedding_index(integer);
drop function crm_private.embedding_cast(integer);
