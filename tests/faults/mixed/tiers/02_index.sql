create index concurrently orders_customer on public.orders (customer);
-- Inside a small transaction, with its record: exactly once.
insert into public.log values ('run');
