create table public.flags (name text primary key, value integer not null);
insert into public.flags values ('started', 1);
