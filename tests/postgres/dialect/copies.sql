create table public.c (a integer, b text);
create table public."C;d" ("x;y" text);
copy public.c from stdin;
1	one
2	it's; -- not
3	\\.
4	\N
5	tab\there
\.
COPY public.c (b, a) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';', NULL 'nil');
b;a
"quoted; 
line";6
nil;7
"\";8
\.
copy public."C;d" from stdin; insert into public.c values (9, 'rest of the line');
\echo is data
:x :'y'
\.
copy public.c from stdin
  where a > 100;
99	out
101	in
\.
copy public.c from stdin csv;
\.
copy public.c to stdout;
copy (select * from public.c where b = 'from stdin') to stdout;
