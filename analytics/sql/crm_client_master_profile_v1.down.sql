drop view crm.client_master_profile;
