drop view crm.customers;
