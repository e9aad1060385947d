drop view crm.outcome_event;
drop view crm.assignment;
drop view crm.audit_item;
drop view crm.reco_exclusion;
drop view crm.reco_item;
drop view crm.reco_run;
