\set n 5
\set text 'it''s; a \\ "text"'
\set name 'odd; "name'
\set list '(1), (2), (3)'
\set both :n:n
create table public.:"name" (v integer, :"text" text);
insert into public.:"name" values (:n, :'text'), (:both, ':text'), (:n, $$:text$$);
insert into public.:"name" (v) values :list;
\echo :n :'text' :"name"
select :n::text, a[:n], ':n', :{?n}, :{?nothing} from (select array[1, 2, 3, 4, 5, 6]) x (a);
\unset n
\set größe 7
insert into public.:"name" (v) values (:größe);
\pset null '(null)'
\timing on
\x
\set ON_ERROR_STOP on
\ir more/part.sql
insert into public.:"name" (v) values (:after);
--@ tiers/more/part.sql
\set after 20
insert into public.:"name" (v) values (19);
comment on table public.:"name" is :'text'
