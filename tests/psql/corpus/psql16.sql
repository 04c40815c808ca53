--# bind
select $1, $2 \bind 1 'two words' \g
select 3;
--# bind_none
select 1 \bind \g
select 2;
--# bind_semicolon
select $1 \bind a ;
select 2;
--# bind_over_lines
select $1
\bind 5
\g
select 2;
--# bind_variables -v x=it's
select $1, $2 \bind :x :'x' \g
select 2;
--# bind_gset
select $1 as a \bind 1 \gset
select 2;
--# bind_gexec
select $1 \bind 'select 1' \gexec
select 2;
--# bind_gdesc
select $1 as a \bind 1 \gdesc
select 2;
--# bind_again
select $1 \bind 1 \g
\bind 2 \g
select 2;
--# bind_false
select $1
\if false
\bind 1
\endif
\bind 2 \g
select 2;
--# bind_quoted
select $1, $2, $3 \bind '' "a b" 'it''s\n' \g
select 2;
--# bind_copy
copy t from stdin \bind \g
1
\.
select 2;
--# copy_end_marker_in_csv
copy t from stdin with csv;
a
\.
select 1;
