create table public.x (n integer);
select format('create table public.%I (n integer)', 't;' || n), format('insert into public.x values (%s)', n)
from generate_series(1, 20) n
\gexec
select 'do $$ begin raise warning ''from gexec; %'', 1; end $$', null \gexec
select 'insert into public.x values (100)' where false \gexec
