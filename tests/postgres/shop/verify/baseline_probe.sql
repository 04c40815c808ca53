select count(*) as schemas from pg_namespace where nspname in ('shop','legacy');
