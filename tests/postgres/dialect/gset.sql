create table public.g (n integer, v text);
select 1 as a, 'it''s; a "text"' as b, null::text as c \gset
insert into public.g values (:a, :'b');
insert into public.g values (2, :{?c}::text);
select 5 as "Odd" \gset p_
insert into public.g values (:p_Odd, 'p');
select n from public.g order by n limit 1
\gset
\echo :n
insert into public.g values (:n + 50, :ROW_COUNT::text);
