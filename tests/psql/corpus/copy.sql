--# plain
copy t from stdin;
1	one
2	two; -- not a comment
\N	it's
\.
select 1;
--# several
copy a from stdin;
1
\.
copy b (x, "y;") from stdin with (format csv);
"a
b;c",2
\.
COPY c FROM STDIN;
\.
select 1;
--# inexact_end
copy a from stdin;
 \.
\. 
\.x
x\.
\\.
\.
select 1;
--# options
copy a (b) from stdin with delimiter ',' null 'x;' csv header;
1,2
\.
copy a from stdin binary;
copy a from stdin (format text, delimiter '|', null '\N');
1|2
\.
copy only_this from stdin where a > 1;
5
\.
--# over_lines
copy a
  (b, c)
  from
  stdin
;
1	2
\.
select 1;
--# comments
copy /* x */ a from -- y
stdin /* to stdout; */ ;
1
\.
select 1;
--# rest_of_line
copy a from stdin; select 1;
data
\.
select 2;
--# rest_of_line_two_copies
copy a from stdin; copy b from stdin;
for a
\.
for b
\.
select 2;
--# rest_of_line_comment
copy a from stdin; -- the data;
1
\.
select 1;
--# rest_of_line_command
copy a from stdin; \echo x
1
\.
select 1;
--# end_of_file
copy a from stdin;
1
2
--# end_of_file_no_data
copy a from stdin;
--# end_of_file_marker_is_last
copy a from stdin;
1
\.
--# no_semicolon_at_end_of_file
copy a from stdin
--# looks_like_commands
copy a from stdin;
\echo x
\q
\if
:x :'x'
select 1;
/* comment
$$ 'quote "
\.
select 2;
--# empty_lines
copy a from stdin;

1


\.

select 1;
--# to_stdout
copy a to stdout;
copy (select 1; ) to stdout with csv;
select 1;
--# to_stdout_query
copy (select 'from stdin' from stdin) to stdout;
select 1;
--# not_stdin
copy a from '/tmp/stdin';
copy a from program 'cat stdin';
select 1;
--# upper
COPY "From" FROM STDIN (FORMAT 'csv', HEADER true);
a
\.
select 1;
--# public_dump
--
-- Data for Name: t; Type: TABLE DATA; Schema: public
--

COPY public.t (id, name) FROM stdin;
1	ä
2	\\.
3	\\N
\.


--
-- PostgreSQL database dump complete
--

--# in_transaction
begin;
copy a from stdin;
1
\.
commit;
--# stdout_means_stdin
copy a from stdout;
1
\.
select 1;
--# joined
select 1\; copy a from stdin;
1
\.
select 2;
--# joined_two
copy a from stdin\; copy b from stdin;
1
\.
2
\.
select 2;
--# long_lines
copy a from stdin;
xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\.
\.
select 1;
--# rule_named_copy
create table copy (stdin int);
select copy from stdin;
--# meta_from_file
\copy t from data.tsv
\copy t (a, b) from 'data.tsv' with (format csv, delimiter ',')
\copy public.t from data.tsv csv header
\copy "T x".y ( a , "b;c" ) from data.tsv
select 1;
--@ data.tsv
1	2
3	4
--# meta_from_file_with_end_marker
\copy t from 'data.tsv'
select 1;
--@ data.tsv
1	2
\.
3	4
--# meta_from_file_in_directory
\copy t from parts/data.tsv
select 1;
--@ parts/data.tsv
1
--# meta_from_stdin
\copy t from stdin
1
2
\.
select 1;
--# meta_from_stdin_options
\copy t (a) from stdin with (format csv, null '')
1
\.
\copy t from STDIN
\.
select 1;
--# meta_upper
\COPY t from data.tsv
select 1;
--@ data.tsv
1
--# meta_semicolon
\copy t from data.tsv;
\copy t from 'data.tsv' ;
\copy t from data.tsv with csv;
select 1;
--@ data.tsv
1
--# meta_where
\copy t from 'data.tsv' with (format csv) where a > 1
select 1;
--@ data.tsv
1
--# meta_program lax
\copy t from program 'echo 1'
select 1;
--# meta_to_file lax
\copy t to 'out.tsv'
select 1;
--# meta_to_stdout
\copy t to stdout
\copy (select 1) to stdout
select 1;
--# meta_variables_are_not_replaced -v f=data.tsv
\copy :f from data.tsv
select 1;
--@ data.tsv
1
--# meta_backslashes
\copy t from data.tsv \\ select 2
select 1;
--@ data.tsv
1
--# meta_missing_file lax
\copy t from nothere.tsv
select 1;
--# meta_bad
\copy
select 1;
--# meta_bad_word
\copy t into x
select 1;
--# meta_in_statement
select 1
\copy t from data.tsv
, 2;
--@ data.tsv
1
--# meta_empty_file
\copy t from data.tsv
select 1;
--@ data.tsv
--# meta_pstdin lax
\copy t from pstdin
select 1;
--# meta_binary
\copy binary t from data.tsv
select 1;
--@ data.tsv
1
--# restrict_key
\restrict abc
copy a from stdin;
\echo
\.
\unrestrict abc
select 1;
--# empty_statement_behind
copy t from stdin;
1
\.
;
select 2;
--# comment_and_empty_statement_behind
copy t from stdin;
1
\.
/* select */ -- select
; select 2;
--# empty_statement_behind_g
copy t from stdin \g
1
\.
;
select 2;
--# parentheses_behind
copy t from stdin;
1
\.
(select 1);
select 2;
--# parentheses_and_a_word_behind
copy t from stdin;
1
\.
(select 1) limit 1;
select 2;
--# joined_behind
copy t from stdin;
1
\.
\; select 1;
select 2;
--# empty_statement_behind_left_out_word
copy t from stdin;
1
\.
\if false
select
\endif
;
select 2;
--# empty_statement_behind_another
copy t from stdin;
1
\.
select 1;
;
select 2;
--# empty_statement_behind_meta_copy
\copy t from stdin
1
\.
;
select 2;
--# empty_statement_in_include_behind
copy t from stdin;
1
\.
\ir part.sql
select 2;
--@ part.sql
;
select 1;
--# empty_statement_behind_include
\ir part.sql
;
select 2;
--@ part.sql
copy t from stdin;
1
\.
--# empty_statement_behind_copy_to
copy t to stdout;
;
select 2;
