--# true
\if true
select 1;
\endif
select 2;
--# false
\if false
select 1;
\endif
select 2;
--# else
\if false
select 1;
\else
select 2;
\endif
\if true
select 3;
\else
select 4;
\endif
--# elif
\if false
select 1;
\elif true
select 2;
\elif true
select 3;
\else
select 4;
\endif
\if off
\elif no
\elif 0
\else
select 5;
\endif
--# values
\if on
select 1;
\endif
\if yes
select 2;
\endif
\if 1
select 3;
\endif
\if TRUE
select 4;
\endif
\if t
select 5;
\endif
\if y
select 6;
\endif
\if f
select 7;
\endif
\if of
select 8;
\endif
\if fals
select 9;
\endif
\if ye
select 10;
\endif
--# value_o
\if o
select 1;
\endif
select 2;
--# value_bad
\if maybe
select 1;
\endif
select 2;
--# value_number
\if 2
select 1;
\endif
select 2;
--# value_missing
\if
select 1;
\endif
select 2;
--# value_two_words
\if true false
select 1;
\endif
select 2;
--# variables -v on=true -v off=0
\if :on
select 1;
\endif
\if :off
select 2;
\endif
\if :{?on}
select 3;
\endif
\if :{?nothing}
select 4;
\else
select 5;
\endif
--# variable_unset
\if :nothing
select 1;
\endif
select 2;
--# quoted_value
\if 'true'
select 1;
\endif
--# nested
\if true
  \if false
    select 1;
  \else
    select 2;
    \if true
      select 3;
    \endif
  \endif
\else
  \if true
    select 4;
  \elif true
    select 5;
  \else
    select 6;
  \endif
\endif
select 7;
--# nested_in_false
\if false
\if true
select 1;
\elif nonsense
select 2;
\else
select 3;
\endif
\else
select 4;
\endif
--# bad_expressions_in_false
\if false
\if nonsense
\elif :undefined `false`
\endif
\endif
select 1;
--# elif_after_true_is_not_evaluated
\if true
select 1;
\elif nonsense
select 2;
\endif
--# in_statement
select 1
\if true
, 2
\else
, 3
\endif
, 4;
--# in_statement_false
select
\if false
1,
\endif
2;
--# in_statement_line
select \if true \\ 1 \else \\ 2 \endif ;
--# in_statement_semicolon_in_branch
select 1
\if true
;
\else
, 2;
\endif
select 3;
--# false_branch_statement_without_semicolon
\if false
select 1
\endif
select 2;
--# true_branch_statement_without_semicolon
\if true
select 1
\endif
, 2;
--# parentheses_in_false
select (
\if false
((
\endif
1);
select 2;
--# unbalanced_right_in_false
select (1
\if false
))
\endif
);
select 2;
--# quotes_in_false
\if false
select 'a;
\endif
b';
\endif
select 2;
--# dollar_in_false
\if false
do $$
\endif
$$;
\endif
select 2;
--# comment_in_false
\if false
/*
\endif
*/
\endif
select 2;
--# comments_kept
\if true
-- a comment
\endif
select 1;
--# comment_in_false_dropped
\if false
-- a comment
/* another */
\endif
select 1;
--# commands_in_false
\if false
\echo x
\set a 1
\i nothere.sql
\! false
\c other
\q
\copy t from nothere
\gset
\g
\d
\unset a
\ir nothere
\o out
\w out
\pset x
\lo_import x
\watch
\timing
\encoding X
\setenv a b
\getenv a b
\password
\prompt x y
\gexec
\gx
\gdesc
\r
\p
\errverbose
\copyright
\h
\?
\s
\e
\sf x
\cd /
\endif
select 1, :{?a};
--# unknown_command_in_false lax
\if false
\nonsense x
\endif
select 1;
--# unknown_command
\nonsense x
select 1;
--# copy_in_false
\if false
copy t from stdin;
1
\endif
select 1;
--# backquotes_in_false
\if false
\set x `echo 1`
\echo `echo 2`
\endif
select 1;
--# variables_in_false -v x=1
\if false
select :x, :'x', :nothing;
\set x 2
\endif
select :x;
--# restrict_in_false
\if false
\restrict x
\endif
select 1;
--# endif_alone
\endif
select 1;
--# else_alone
\else
select 1;
--# elif_alone
\elif true
select 1;
--# else_twice
\if true
\else
\else
\endif
select 1;
--# elif_after_else
\if false
\else
\elif true
\endif
select 1;
--# endif_missing
\if true
select 1;
--# endif_missing_false
\if false
select 1;
--# endif_missing_no_semicolon
select 1;
\if false
select 2
--# endif_in_include
\if true
\ir part.sql
select 2;
\endif
--@ part.sql
select 1;
\endif
--# if_open_in_include
\ir part.sql
select 2;
--@ part.sql
\if false
select 1;
--# else_arguments
\if false
\else
select 1;
\endif
select 2;
--# quit_in_true
\if true
select 1;
\q
\endif
select 2;
--# quit_in_false
\if false
\q
\endif
select 2;
--# one_line
\if true \\ select 1; \endif
\if false \\ select 2; \else \\ select 3; \endif
select 4;
--# begin_atomic_in_false
\if false
create function f() returns int begin atomic
select 1;
\endif
select 2;
end;
--# atomic_around
create function f() returns int begin atomic
\if true
select 1;
\else
select 2;
\endif
end;
select 3;
--# set_in_branches
\if true
\set a 1
\else
\set a 2
\endif
select :a;
--# g_in_false
select 1
\if false
\g
\endif
, 2;
--# left_out_counts
/* a comment */\if false
select 'left out'
\endif
create function f() returns int begin atomic select 1; end;
--# left_out_body
\if false
create function f() returns int begin atomic select 1; end;
\endif
create function f() returns int begin atomic select 2; end;
--# left_out_head
/* c */ \if false
create function f() begin
\endif
select 1;
select 2;
--# left_out_begin
create function f() returns int
\if false
begin atomic select 1; end
\else
language sql as 'select 1; select 2'
\endif
;
select 3;
--# left_out_begin_alone
create function f() returns int
\if false
begin
\endif
language sql as 'x';
select 2;
--# left_out_end
create function f() returns int begin atomic
\if false
end;
\endif
select 1; end;
--# left_out_case
create function f() returns int begin atomic
\if true
select 1;
\else
select case when 1;
\endif
end;
select 3;
--# left_out_semicolon
create function f()
\if false
;
\endif
begin atomic select 1; end;
--# left_out_words
\if false
select
\endif
create function f() begin atomic select 1; end;
--# left_out_words_before_no_body
\if false
create
\endif
create function f() returns int language sql as 'select 1;';
create function f() begin atomic select 1; end;
--# left_out_in_two_branches
create function f() returns int
\if false
begin atomic select 1;
\elif true
begin atomic select 2;
\else
begin atomic select 3;
\endif
end;
select 4;
--# left_out_and_reset
\if false
create function f() begin
\endif
select 1
\r
select 2; select 3;
--# left_out_at_the_end
\if false
create function f() begin
\endif
select 1
