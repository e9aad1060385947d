drop function crm_private.segmentation_drop(integer);
drop function crm_private.segmentation_seal(integer);
drop function crm_private.segmentation_fill_map(integer, integer);
drop function crm_private.segmentation_fill(integer, bigint[], smallint[]);
drop function crm_private.segmentation_make(integer);
