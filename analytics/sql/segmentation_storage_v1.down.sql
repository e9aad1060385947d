drop view analytics_currentcluster;
drop table analytics_segmentationmember;
