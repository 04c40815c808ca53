create table public.m (a integer, b text);
\copy public.m from 'data/m.tsv'
\copy public.m (b, a) from data/m.csv with (format csv, header)
\copy public.m from stdin
5	five
\.
--@ data/m.tsv
1	one
2	it's; two
--@ data/m.csv
b,a
"three;
3",3
