select pg_catalog.to_regclass('public.flags') is not null as flags,
       (select count(*) from public.orders) as orders,
       (select count(*) from pg_catalog.pg_inherits where inhparent = 'public.events'::pg_catalog.regclass) as parts;
