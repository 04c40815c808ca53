create table public.j (n integer);
insert into public.j values (1) \; insert into public.j values (2) \; select * from public.j;
insert into public.j values (3)\;
insert into public.j values (4);
