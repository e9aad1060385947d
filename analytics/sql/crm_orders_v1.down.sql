drop view crm.order_items;
drop view crm.returns;
drop view crm.orders;
