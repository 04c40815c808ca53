\ir audit.sql
\if :has_begin_atomic
\ir total.sql
\elif :v12
\echo 'too old for BEGIN ATOMIC'
\else
\warn unsupported server
\q
\endif
