--# plain
select 'a', 'it''s', '', ';', '--', '/*', 'a"b', ':x', '\', 'a\';
--# plain_backslash_at_end
select 'c:\dir\';
select 1;
--# over_lines
select 'one
two;
three
-- no comment
/* none
';
select 2;
--# empty_lines_inside
select 'one


two';
--# escape
select E'a\'b;', e'\\', E'\;', E'\x41\u00e4\n', E'it''s\\';
select E'over
lines \' ;
';
--# escape_newline_after_backslash
select E'a\
b';
--# unicode
select U&'d\0061t\+000061', u&'\'';', U&'!0061' uescape '!';
select U&"d\0061ta;" from t;
--# bits
select B'1010', b'', X'1F;', x'00', N'national;', n'';
--# no_prefix
select 1 where name = 'x';
select abe'x;';
select "e"'x\';
--# continued_strings
select 'a'
  'b;'
'c';
select 'a' -- comment
  'b;';
select 'a'

   'b';
--# continued_bit_string
select B'10'
  '01';
--# continued_unicode
select U&'\0061'
'\0062;';
--# not_continued
select 'a' 'b';
select 'a'/**/'b';
--# continued_escape
select E'a\''
  '\';b';
select 1;
--# identifiers
select "a;b", "a""b", "A b", "--", "/*", "'" from "t:x";
--# identifier_over_lines
select "a
b;
c";
--# dollar
select $$a;b'c$$, $x$ $$ ; $y$ $x$, $größe$;$größe$, $_1$;$_1$;
--# dollar_nested
create function f() returns text language plpgsql as $f$
begin
  execute $q$ select 1; $q$;
  return $$;$$;
end;
$f$;
select 1;
--# dollar_not
select 1$1;
select a$b$c;
select $1, $2;
select x.$1;
--# dollar_case_matters
select $A$;$a$;$A$;
--# dollar_prefix
select $a$ $ab$ $a $a$;
select $$ $ $$;
select $a$$a$;
--# dollar_after_identifier
select a$$b;
select a1$x$;
--# dollar_after_number
select 1 $x$;$x$;
--# dollar_over_lines
do $$
begin

  null;

end $$;
--# dollar_lone
select 1 $ 2;
select $;
select '$'$;
--# dollar_with_backslash_commands
select $$
\echo no
\q
\if x
$$;
select 2;
--# quote_with_backslash_commands
select '
\q
';
select "
\q
";
/*
\q
*/
select 3;
--# crossed
select '"', "'", $$'"$$, '$$', "$$;", E'"', '/*', "--;";
--# non_ascii
select größe, "naïve;", 'Ω;', ñ, 日本語 from таблица;
--# adjacent
select'a'||'b;'||"c"||$$d;$$||E'\'';
--# operators_made_of_comment_signs
select 1 +-- comment ;
 2;
select 1 */* x; */ 2;
select a #-/* ; */ b;
--# unterminated_quote lax
select 1;
select 'abc
--# unterminated_dollar lax
select 1;
select $x$ abc
--# unterminated_comment lax
select 1;
select 2 /* abc
--# unterminated_identifier lax
select 1;
select "abc
--# unterminated_parenthesis lax
select 1;
select (2
