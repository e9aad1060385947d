drop function crm_private.drop_signal_partition(text, text);
drop function crm_private.signal_partitions(text);
drop function crm_private.ensure_signal_partitions(text, timestamptz[]);
drop function crm_private.signal_partition(text, timestamptz);
