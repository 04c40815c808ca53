\set yes on
create table public.i (n integer);
\if :yes
insert into public.i values (1);
\else
insert into public.i values (2);
\endif
\if false
insert into public.i values (3); select 'it''s
\endif
';
\elif :{?nothing}
insert into public.i values (4);
\else
  \if true
insert into public.i values (5)
\if no
, (6)
\else
, (7)
\endif
;
  \endif
\endif
select count(*) as n, count(*) > 100 as many from public.i \gset i_
insert into public.i values (:i_n * 100);
\if :i_many
insert into public.i values (8);
\else
insert into public.i values (9);
\endif
