-- From every point: after the first tier, after the last, and from the middle of a statement that was interrupted.
select exists (select from pg_catalog.pg_inherits where inhrelid = 'public.events_old'::pg_catalog.regclass
                  and inhdetachpending) as pending \gset
\if :pending
alter table public.events detach partition public.events_old finalize;
\endif
select not exists (select from pg_catalog.pg_inherits where inhrelid = 'public.events_old'::pg_catalog.regclass) as apart \gset
\if :apart
alter table public.events attach partition public.events_old for values from (0) to (100);
\endif
-- What DETACH CONCURRENTLY leaves.
alter table public.events_old drop constraint if exists events_old_n_check;
drop index if exists public.orders_customer;
-- A release that was undone half way has not come to add one.
select coalesce((select value from public.flags where name = 'data'), 0) > 0 as changed \gset
\if :changed
delete from public.orders where id = 501;
update public.orders set customer = customer - 1;
\endif
select exists (select from pg_catalog.pg_enum where enumlabel = 'wild' and enumtypid = 'public.mood'::pg_catalog.regtype) as wild \gset
\if :wild
drop index public.orders_mood;
create type public.mood_before as enum ('calm', 'busy');
alter table public.orders alter column mood type public.mood_before using mood::text::public.mood_before;
drop type public.mood;
alter type public.mood_before rename to mood;
create index orders_mood on public.orders (mood);
\endif
drop table if exists public.flags;
