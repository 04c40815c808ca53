select 'total' as name, shop.total('alice') = 10.5 as ok, 'is ' || shop.total('alice') as detail;
