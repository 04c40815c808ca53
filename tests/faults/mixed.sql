-- The database before the mixed release.
create type public.mood as enum ('calm', 'busy');
create table public.log (what text not null);
create table public.approvals (who text primary key);
insert into public.approvals values ('somebody');
create table public.orders (id integer primary key, mood public.mood not null, customer integer not null);
insert into public.orders select n, (array['calm', 'busy'])[1 + n % 2]::public.mood, n % 7 from generate_series(1, 500) n;
create index orders_mood on public.orders (mood);
create table public.events (n integer not null, what text) partition by range (n);
create table public.events_old partition of public.events for values from (0) to (100);
create table public.events_new partition of public.events for values from (100) to (200);
insert into public.events select n, 'event ' || n from generate_series(0, 199) n;
