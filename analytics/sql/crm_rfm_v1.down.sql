drop view crm.rfm;
