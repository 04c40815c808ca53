create table public.g (n integer) \g
insert into public.g values (1)
\g
\g
insert into public.g values (2) \gx
insert into public.g values (3) \g (format=csv tuples_only=on)
insert into public.g values (4);
\g
select * from public.g
\r
insert into public.g values (5)
\p
;
\ir quits.sql
--@ tiers/quits.sql
select 1 \q
select 'never';
