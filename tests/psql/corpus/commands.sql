--# echo
\echo a b
\echo -n x
\echo 'it''s' "x y" :'z'
\qecho x
\warn x
\echo
select 1;
--# echo_in_statement
select 1
\echo x
, 2
\qecho y
;
--# echo_at_end_of_line
select 1; \echo x
select 2 \echo y
, 3;
--# two_commands
\set a 1 \set b 2 \echo x
select :a, :b;
--# separator
\set a 1 \\ select :a; \echo x \\ select 2;
\echo x \\select 3;
--# separator_alone
select 1;
\\
select 2;
--# display
\timing
\timing on
\pset format unaligned
\pset null '(null)'
\pset
\x
\x on
\x auto
\t
\t on
\a
\f '|'
\C 'title'
\C
\H
\html
\T border=1
\errverbose
select 1;
--# display_in_statement
select 1
\pset null x
\x
\timing
, 2;
--# display_bad lax
\pset nonsense x
select 1;
--# encoding
\encoding
\encoding UTF8
\encoding utf-8
select 'ä';
--# encoding_other lax
\encoding LATIN1
select 'a';
--# output
\o /dev/null
select 1;
\o
select 2;
--# output_out
\out /dev/null
select 1;
\out
--# output_file lax
\o out.txt
select 1;
--# output_pipe lax
\o |cat
select 1;
--# listing lax
\d
\d t
\d+ t
\dt
\dt+ public.*
\df
\du
\dn
\l
\l+
\list
\z
\dp
\sf f
\sv v
\dx
\dS
\di *.*
\db
\dconfig work_mem
\drds
\dRp
\des
\conninfo
\copyright
\h
\h select
\?
\? options
\s
select 1;
--# listing_in_statement lax
select 1
\d t
, 2;
--# listing_unknown
\dnonsense
select 1;
--# shell lax
\! false
select 1;
--# connect lax
\c - - /tmp -
select 1;
--# cd
\cd .
select 1;
--# cd_away lax
\cd /nothere
select 1;
--# setenv lax
\setenv X 1
select 1;
--# getenv_unset
\getenv x PGSEAL_TEST_NOTHING_HAS_THIS_NAME
select :x;
--# prompt lax
\prompt x y
select 1;
--# password lax
\password
select 1;
--# edit lax
\e
select 1;
--# large_object lax
\lo_unlink 1
select 1;
--# g
select 1 \g
select 2
\g
select 3;
--# g_again
select 1;
\g
\g
select 2 \g
\g
--# g_empty
\g
select 1;
--# g_after_comment
-- comment
\g
select 1;
--# g_options
select 1 \g (format=unaligned tuples_only=on)
select 2 \g (expanded)
select 3;
--# g_file lax
select 1 \g out.txt
select 2;
--# g_dev_null
select 1 \g /dev/null
select 2;
--# g_pipe lax
select 1 \g |cat
select 2;
--# g_program_in_options lax
select 1 \g (format=csv) |cat
select 2;
--# g_parentheses_open
select (1 \g
select 2;
--# g_two_in_line
select 1 \g \\ select 2 \g
select 3;
--# g_with_semicolon_before
select 1; \g
select 2;
--# g_copy
copy t from stdin \g
1
\.
select 1;
--# g_in_atomic
create function f() returns int begin atomic select 1; end \g
select 2;
--# gx
select 1 \gx
select 2;
\gx
--# gx_options
select 1 \gx (format=csv)
select 2;
--# gset
select 1 as a \gset
select 2;
--# gset_prefix
select 1 as a, 2 as b \gset p_
select 2;
--# gset_over_lines
select 1 as a,
  2 as b
\gset
select 2;
--# gset_after_semicolon
select 1 as a; \gset
select 2;
--# gset_again
select 1 as a;
\gset
select 2;
--# gset_variables_before -v a=5
select :a;
select 1 as b \gset
select :a;
--# gset_value_unknown
select 1 as a \gset
select :a, :'a';
--# gset_bad_prefix
select 1 as a \gset a-
select 2;
--# gexec
select 'create table x' \gexec
select 2;
--# gexec_lines
select format('create table %I', n)
from x
\gexec
select 2;
--# gexec_again
select 'select 1';
\gexec
select 2;
--# gdesc
select 1 as a \gdesc
select 2;
--# gdesc_over_lines
select 1 as a,
 2 as b
\gdesc
select 2;
--# gdesc_then_g
select 1 \gdesc
\g
select 2;
--# crosstabview
select 1, 2, 3 \crosstabview
select 2;
--# crosstabview_arguments
select 1, 2, 3 \crosstabview a b c
select 2;
--# reset
select 1
\r
select 2;
--# reset_long
select (1
\reset
select 2;
--# reset_in_line
select 1 \r select 2;
--# reset_keeps_previous
select 1;
select 2
\r
\g
--# print
select 1
\p
, 2;
\p
\print
select 3;
--# write lax
select 1
\w out.txt
, 2;
--# quit
select 1;
\q
select 2;
--# quit_long
select 1;
\quit
select 2;
--# quit_in_statement
select 1;
select 2
\q
select 3;
--# quit_rest_of_line
select 1; \q select 2;
select 3;
--# quit_status
select 1;
\q 3
select 2;
--# include
\i part.sql
select 2;
\include part.sql
--@ part.sql
select 1;
--# include_relative
\ir parts/one.sql
select 3;
--@ parts/one.sql
select 1;
\ir two.sql
\i parts/two.sql
--@ parts/two.sql
select 2;
--# include_in_statement
select 1
\ir part.sql
, 3;
--@ part.sql
select 2;
--# include_part_of_statement
select 1
\ir part.sql
, 3;
--@ part.sql
, 2
--# include_no_semicolon
\ir part.sql
select 3;
--@ part.sql
select 1;
select 2
--# include_variables
\set a 1
\ir part.sql
select :a, :b;
--@ part.sql
select :a;
\set a 2
\set b 3
--# include_quit
\ir part.sql
select 3;
--@ part.sql
select 1;
\q
select 2;
--# include_quoted
\ir 'part one.sql'
\i 'part one.sql';
select 3;
--@ part one.sql
select 1;
--# include_twice
\ir part.sql
\ir part.sql
--@ part.sql
select 1;
--# include_semicolon
\ir part.sql;
select 3;
--@ part.sql
select 1;
--# include_variable -v name=part.sql
\ir :name
\i :name
select 3;
--@ part.sql
select 1;
--# include_variable_path -v dir=parts
\ir :dir/part.sql
\i ./:dir/part.sql
select 3;
--@ parts/part.sql
select 1;
--# include_rest_of_line
\ir part.sql \\ select 2; \ir part.sql
select 3;
--@ part.sql
select 1;
--# include_bom
\ir part.sql
select 3;
--@ part.sql
select 1;
--# include_copy
\ir part.sql
1
select 2;
--@ part.sql
copy t from stdin;
1
\.
--# include_copy_end_of_file
\ir part.sql
select 2;
--@ part.sql
copy t from stdin;
1
--# include_open_quote
\ir part.sql
select 2;
--@ part.sql
select 1
--# include_empty
\ir part.sql
select 2;
--@ part.sql
--# include_missing lax
\ir nothere.sql
select 2;
--# include_no_argument
\i
select 2;
--# include_extra_argument lax
\ir part.sql more
select 2;
--@ part.sql
select 1;
--# include_outside lax
\i /etc/passwd
select 2;
--# include_itself lax
select 1;
\ir deep.sql
--@ deep.sql
select 2;
\ir deeper.sql
--@ deeper.sql
select 3;
--# include_if
\if true
\ir part.sql
\else
\ir other.sql
\endif
--@ part.sql
\if false
select 1;
\else
select 2;
\endif
--@ other.sql
select 3;
--# include_g_previous
select 1;
\ir part.sql
\g
--@ part.sql
select 2;
--# include_previous_of_outer
select 1;
\ir part.sql
select 2;
--@ part.sql
\g
--# restrict
\restrict Abc
select 1;
\unrestrict Abc
select 2;
--# restrict_other_command
\restrict Abc
\echo x
select 1;
--# restrict_wrong_key
\restrict Abc
\unrestrict abc
select 1;
--# unrestrict_alone
\unrestrict abc
select 1;
--# case_matters
\ECHO x
select 1;
--# dot_alone
select 1;
\.
select 2;
--# command_ends_at_backslash
\echo a\echo b
select 1;
--# command_without_blank
\set x 1
\echo:x
select 1;
--# tabs
\set	x	1
select	:x;
--# trailing_blanks
\set x 1   
\echo x   
select :'x';
--# statement_before_command_in_line
select 1, \set x 2
:x;
--# blank_before_command
   \set x 1
  select :x;
--# backslash_at_end_of_line
select 1 \
, 2;
--# open_quote_in_argument lax
\echo 'abc
select 1;
--# open_double_quote_in_argument lax
\echo "abc
select 1;
--# non_ascii
\echo größe
\set ä 'ö'
select :'ä';
--# semicolon_after_commands
\timing;
\pset null x;
\x;
\t;
\a;
select 1;
