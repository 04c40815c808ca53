-- deploy: psql -v ON_ERROR_STOP=1 -1 -v env=prod -f tiers/01_main.sql
\set ON_ERROR_STOP on
\set QUIET off
\timing on
\pset pager off
\pset null '(null)'
\set VERBOSITY verbose
\if :{?env}
  \echo 'deploying to' :env
\else
  \set env dev
  \warn 'no env given, using' :env
\endif
\set schema shop
\set full_name :schema '.orders'
create schema if not exists :"schema";
create schema if not exists :"schema";
comment on schema :"schema" is :'env';
\ir ../sql/tables.sql
\ir ../sql/functions/all.sql
\i sql/load.sql
\echo done :ROW_COUNT rows in the last one, database :DBNAME, user :USER
