--# set
\set a 1
\set b 'two words'
\set c one two three
\set d
\set e 'a' 'b' c"d"
\set f "double quoted"
select :a, :'b', :'c', :'d', :'e', :"f", :'f';
--# set_escapes
\set a 'it''s'
\set b 'tab\tfeed\nx\\y\'z'
\set c '\101\x42\q'
\set d 'a'b'c'
select :'a', :'b', :'c', :'d';
--# set_from_variables
\set a x
\set b :a
\set c :a:a
\set d :'a'
\set e :"a"
\set f :undefined
\set g pre:a
\set h ':a'
\set i ":a"
\set j :{?a}:{?nope}
select :'b', :'c', :'d', :'e', :'f', :'g', :'h', :'i', :'j';
--# set_again
\set a 1
select :a;
\set a 2
select :a;
\unset a
select :a;
--# set_semicolon
\set a 1;
\set b 2 ;
select :'a', :'b';
--# set_long_value
\set q 'select 1 as one'
:q;
select * from (:q) x;
--# value_with_semicolon
\set q 'select 1; select 2'
:q;
--# value_with_quote
\set q 'select ''a;b'''
:q;
--# value_with_open_quote
\set q 'select \'a;b'
:q c';
--# value_with_comment
\set q '/* ; */ 1'
select :q;
--# value_with_line_comment
\set q '1 -- ;'
select :q + 2
, 3;
--# value_with_dollars
\set q '$$;$$'
select :q;
--# value_with_variable -v y=2
\set q ':y'
select :q;
--# value_with_literal_variable -v y=2
\set q ':\'y\''
select :q;
--# value_recursive
\set q ':q'
select :q;
--# value_with_backslash
\set q 'a \\echo b'
select :q;
--# value_with_parentheses
\set q '(1'
select :q);
select 2;
--# value_with_line_feed
\set q '1,\n2'
select :q;
--# value_with_line_feed_comment
\set q '1 --\n, 2'
select :q;
--# value_with_cast
\set q 1::int
select :q, a::text;
--# value_with_colon -v q=12:30
select :q;
--# value_in_pieces
\set a sel
\set b ect
:a:b 1;
--# value_makes_quote_prefix
\set e E
select :e'a\'';
select 1;
--# value_before_dollar
\set t a
select :t$$;$$;
--# value_empty
\set e
select :e 1 :e;
:e;
--# forms -v x=it's
select :'x', :"x";
--# forms_backslash
\set x 'a\\b'
select :'x', :"x", a||:'x';
--# forms_double_quote
\set x 'a"b'
select :"x", :'x', :x;
";
--# forms_unset
select :x, :'x', :"x", :{?x};
--# forms_test
\set x 1
select :{?x}, :{?y};
--# forms_broken
\set x 1
select :'x, :"x, :{?x, :{x}, :{?x-}, :'x-', :"x y";
select ', ";", }';
--# forms_in_quotes
\set x 1
select ':x', ":x", $$:x$$, ':''x''', E':x';
--# casts_win
\set int 1
select 'a'::int, a :: int, a:=int;
--# names
\set größe 1
\set _x9 2
\set 9x 3
\set UPPER 4
select :größe, :_x9, :9x, :UPPER, :upper;
--# name_ends
\set x 1
select :x.y, :x-:x, :x::text, :x:x, (:x), :x;
--# name_longer
\set x 1
\set xy 2
select :xy, :x y, :xyz;
--# slices
\set i 1
select a[:i], a[2 :i];
--# slice_with_variable
\set x 1
select a[1:x];
--# time
\set 30 x
select '12:30', 12:30;
--# bad_names
\set a-b 1
select 1;
--# bad_name_blank
\set '' 1
select 1;
--# unset
\unset nothing
\set a 1
\unset a
select :a;
--# unset_no_argument
\unset
select 1;
--# list
\set
select 1;
--# set_in_statement
select 1
\set x 2
, :x;
--# set_between_lines
select
\set x 1
:x
\set x 2
, :x;
--# in_dollar_body -v x=1
do $$ begin perform :x; end $$;
select :x;
--# literal_non_ascii -v x=größe
select :'x', :"x", :x;
--# backquotes lax
\set x `echo 1`
select :x;
--# escaped_colon
\set x 1
select \:x, '\:x', a\::int;
--# escaped_colon_in_set
\set x 1
\set y '\:x'
select :'y';
--# special_on_error_stop
\set ON_ERROR_STOP on
\set ON_ERROR_STOP 1
\set ON_ERROR_STOP
\set VERBOSITY verbose
\set QUIET on
\set ECHO none
\set ECHO errors
\set SHOW_CONTEXT always
\set HISTSIZE 100
\set PROMPT1 'x> '
select 1;
--# special_values
\set ON_ERROR_STOP on
select :ON_ERROR_STOP, :'VERBOSITY', :{?ECHO};
--# special_echo_all
\set ECHO all
\set ECHO queries
\set ECHO_HIDDEN on
select 1;
--# special_singleline
\set SINGLELINE on
select 1
select 2;
--# special_autocommit
\set AUTOCOMMIT off
select 1;
--# special_on_error_rollback
\set ON_ERROR_ROLLBACK on
begin;
select 1;
commit;
--# special_bad_value
\set ON_ERROR_STOP perhaps
select 1;
--# special_bad_value_verbosity lax
\set VERBOSITY loud
select 1;
--# special_unset
\unset ON_ERROR_STOP
select 1;
--# special_unset_harmless
\unset VERBOSITY
\unset QUIET
\unset PROMPT1
select :'VERBOSITY', 1;
--# special_error
select 1;
select :ERROR, :'SQLSTATE', :'LAST_ERROR_MESSAGE', :'LAST_ERROR_SQLSTATE';
--# special_row_count
select 1;
select :ROW_COUNT;
--# special_version
select :SERVER_VERSION_NUM, :'SERVER_VERSION_NAME';
--# special_client_version
select :VERSION_NUM, :'VERSION_NAME', :'VERSION';
--# special_connection
select :'DBNAME', :'USER', :'HOST', :PORT;
--# special_encoding
select :'ENCODING';
--# special_fetch_count_zero
\set FETCH_COUNT 0
select 1;
--# special_fetch_count
\set FETCH_COUNT 100
select 1;
--# special_test
select :{?SERVER_VERSION_NUM}, :{?NOTHING}, :{?AUTOCOMMIT}, :{?ON_ERROR_STOP};
