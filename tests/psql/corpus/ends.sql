--# several_in_line
select 1; select 2;select 3; ;; select 4;
--# empty
;
;;
 ;
select 1;
--# semicolon_in_parentheses
create rule r as on insert to t do also (insert into a values (1); insert into b values (2));
select (1;2);
--# parentheses_unbalanced_right
select 1);
select 2;
--# brackets
select a[1:2], a[:], a[1;
select 2;
--# no_semicolon
select 1
--# no_semicolon_two
select 1;
select 2
--# no_semicolon_blanks_behind
select 1   
   
--# nothing
--# blanks_only
   
	
--# joined
select 1\; select 2;
select 1 \; select 2 \; ;
begin\; select 1\; commit;
--# joined_over_lines
select 1 \;
select 2 \;

select 3;
--# joined_only
\;
select 1;
--# joined_before_atomic
select 1 \; create function f() returns int language sql begin atomic select 1; select 2; end;
select 3;
--# atomic
create function f() returns int language sql begin atomic select 1; select 2; end;
select 1;
create or replace function f(a int) returns int begin atomic
  select case when a > 1 then 2 else 3 end;
  select case a when 1 then case when true then 1 end else 2 end;
end;
create procedure p() begin atomic insert into t values (1); insert into t values (2); end;
select 2;
--# atomic_empty
create procedure p() language sql begin atomic end;
select 1;
--# atomic_strings
create function f() returns text begin atomic select 'end;'; select $$end;$$; select "end" from t; end;
select 1;
--# atomic_comments
create /* or */ function f() returns int -- begin
begin atomic -- end;
  select 1; /* end; */
end;
select 1;
--# atomic_upper
CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT 1; END;
SELECT 1;
--# atomic_nested_parentheses
create function f() returns int begin atomic select (select case when true then 1 end); end;
select 1;
--# function_called_begin
create function begin() returns int language sql as 'select 1';
select 1;
end;
--# function_called_end
create function "end"() returns int language sql as 'select 1';
select 1;
--# plain_function_with_case
create function f(a int default case when true then 1 else 2 end) returns int language sql as 'select 1; select 2';
select 1;
--# atomic_label_end
create function f() returns int begin atomic select 1 as end; select 2; end;
select 3;
--# view_with_case
create view v as select case when a then b end from t;
select 1;
--# transaction_words
begin;
savepoint s;
rollback to s;
release s;
end;
start transaction;
abort;
begin; commit and chain; rollback;
--# begin_block
begin
;
commit
;
--# create_table_begin
create table begin (a int);
select 1;
--# numbers
select 1.5, .5, 1., 1e10, 1e-5, 1..2, 0x1F, 1_000;
--# number_runs_into_word
select 1a;
select 2from t;
select 1e;
select 0xg;
--# operators
select a<>b, a!=b, a->>'b', a#>>'{c}', @-5, |/ 4, a ~* 'b', a ? 'b', a ?| b, `x`, a^b, a%b;
--# type_casts
select 'a'::text, 1::int::text, a::int[], x::"y";
select :: ;
--# assignment
call f(a := 1, b => 2);
select a:=b;
--# slices
select a[1:2], a[i:3], a[1:], a[:2], a[ : ], a[1 : 2], a[(1):(2)];
--# colon_alone
select : 1, a: 2, b :3;
select ':', "a:b";
--# at_and_hash
select @ 1, # 2, a @> b, a && b, a ?& b;
--# nul_like_escapes
select E'\0', '\0';
--# very_long_line
select 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;', 1;
--# do_block
do language plpgsql $$ begin perform 1; end; $$;
do $$ begin null; end $$ language plpgsql;
--# prepared
prepare p as select $1; execute p(1); deallocate p;
--# strings_off
set standard_conforming_strings = off;
select 'a\'b;';
select 'c\\';
set standard_conforming_strings = on;
select 'd\';
--# strings_off_in_transaction
begin;
set local standard_conforming_strings to off;
select 'a\'b;';
commit;
select 'd\';
--# strings_off_rolled_back
begin;
set standard_conforming_strings to off;
select 'a\'b;';
rollback;
select 'd\';
--# strings_off_same_line
set standard_conforming_strings = off; select 'a\';
select 'b\'';
--# strings_on
set standard_conforming_strings = on;
select 'a\';
--# encoding_set
set client_encoding = 'UTF8';
set names 'utf8';
select 'ä;';
--# joined_in_atomic
create function f() begin atomic select 1 \; select 2; end;
select 3;
--# joined_in_parentheses_before_atomic
create function f( \; ) begin atomic select 1; end;
--# joined_in_parentheses
select (1 \; 2); select 3;
