select count(*) as orders, (select count(*) from legacy.customer) as customers from shop.orders;
