drop table recommendations_audititem;
drop table recommendations_recoaudit;
drop table recommendations_recoexclusion;
drop table recommendations_recoitem;
