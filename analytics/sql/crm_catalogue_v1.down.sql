drop view crm.contact_event;
drop view crm.order_line;
drop view crm.customer;
drop view crm.product_alias;
drop view crm.product;
