drop view crm.products;
