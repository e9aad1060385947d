drop view crm.users;
