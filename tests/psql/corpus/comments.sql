--# before
-- first
select 1;
--# before_block
/* first; */ select 1;
/* second
; */
select 2;
--# license_head
-- Copyright; all rights reserved
--
-- with an empty line

-- and more

select 1;
--# after
select 1; -- after ; select
select 2; /* after ; */ select 3;
select 4 /* inside ; */ ;
select 5 -- end ;
;
--# after_last
select 1;
-- the end
--# after_last_block
select 1;
/* the
end */
--# after_last_no_semicolon
select 1 -- the end;
--# nested
/* a /* b; */ c; */ select 1;
/* /* /* */ */ ; */ select 2;
/*/* */ ; */ select 3;
/**/select 4;
/***/select 5;
/*/ ; */select 6;
/* **/ select 7;
--# middle
select 1, -- one ;
  2, /* two ;
  */ 3
  -- three
  ;
--# dashes
select 1 - -1;
select 1 --1;
;
select 2 ---;
+ 3;
--# only_comments
-- nothing
/* at all; */
--# only_comments_then_semicolon
/* nothing */ ;
select 1;
--# comment_between_statements_and_command
select 1;
-- before echo
\echo x
select 2;
--# comment_before_command_in_buffer
select 1
-- in the middle
\echo x
, 2;
--# block_comment_before_command
/* head */
\set x 1
select :x;
--# block_comment_before_command_in_line
/* head */ \set x 1
select :x;
--# quote_in_comment
-- it's
select 1;
/* don't "quote $$ here */ select 2;
--# variables_in_comments -v x=1
-- :x :'x' :"x"
/* :x :'x' */ select /* :x */ :x -- :x
;
--# backslash_in_line_comment
select 1 -- \echo x \q
;
select 2;
--# empty_lines


select 1


, 2;


--# blank_lines_are_kept
select 1
   
, 2;
--# tabs_and_form_feeds
	select	1;	
select 2;
--# long_comment_head
-- a
/* b */
-- c
select 1;
--# command_below_comment
select 1 -- c
\echo x
, 2;
--# text_behind_command_below_comment
/* b */
-- c
\set x 1 \\ select 1;
select 2;
--# variable_behind_command_below_comment
/* b */
-- c
\set x 1 \\ select :x;
select 2;
--# joined_behind_command_below_comment
/* b */
-- c
\set x 1 \\ select 1 \; select 2;
select 3;
--# text_behind_command_below_leading_comment
-- c
\set x 1 \\ select 1;
select 2;
--# text_behind_command
select 1
\set x 1 \\ , 2 \; select 3;
select 4;
--# command_between_dashes
select 1 -\set x 1 \\- 2;
select 3;
--# command_between_continued_strings
select E'a'
\set x 1
'b\';
select '3';
