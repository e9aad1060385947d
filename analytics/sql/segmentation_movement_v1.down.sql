drop function analytics_segmentation_movement(integer, integer);
