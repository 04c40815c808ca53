select 1 as a, 'x'::text as b \gdesc
create table public.d (n integer);
insert into public.d values (1) \gdesc
select * from public.d
\gdesc
