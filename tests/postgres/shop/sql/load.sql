copy shop.country (code, name) from stdin;
DE	Germany
FR	France
CH	Switz\terland
\.
\echo :ROW_COUNT countries
\copy shop.rate from 'data/rates.csv' with (format csv, header)
insert into shop.orders(id, customer, amount) values (1,'alice',10.50), (2,'bob',:{?env} ::int);
\echo inserted :ROW_COUNT :LASTOID
select 1 as one \; select 2 as two;
select format('create index %I on shop.orders (%I)', 'orders_' || c || '_idx', c) from unnest(array['customer','created']) c \gexec
select count(*) > 0 as any, count(*) as n_orders, sum(amount) as total from shop.orders \gset o_
\if :o_any
insert into shop.orders values (100, 'total of ' || :'o_n_orders', :o_total);
\else
\echo no orders
\endif
select exists(select from shop.orders where customer = 'bob') as has_bob \gset
\if :has_bob
update shop.orders set customer = 'robert' where customer = 'bob';
\echo changed :ROW_COUNT, error :ERROR state :SQLSTATE
\endif
select * from shop.orders order by id;
\x on
select * from shop.country limit 1;
\x off
\g
do $$ begin perform pg_catalog.set_config('a.b', 'c', true); end $$;
create table if not exists shop.orders ();
drop table if exists shop.nothing_here;
