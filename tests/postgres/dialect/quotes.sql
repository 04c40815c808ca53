create table public.q (n serial, v text);
insert into public.q (v) values ('it''s'), (E'a\'b;\n'), (U&'d\0061t\+000061'), (U&'!0061' uescape '!'), ($$a;'b$$), ($x$ $$ ; $$ $x$), ($größe$;$größe$);
insert into public.q (v) values ('one
two;

three'), ('a'
  'b;' -- ;
  'c');
insert into public.q (v) values (b'101'::text), (x'1F'::text), (n'n;');
create table public."odd; ""name""" ("a;b" int, "größe" text, U&"d\0061ta;" int);
insert into public."odd; ""name""" values (1, 'x', 2);
comment on table public.q is '-- /* it''s; */';
insert into public.q (v) select 'a\b' || '\' || E'\\' || '';
select n, /* ; */ v -- ;
from public.q;
