-- READY when somebody has set this comment on the database:
--   comment on database shop is 'approved OPS-1';
select coalesce(c.description = 'approved ' || :'ticket', false) as ready,
       case when c.description = 'approved ' || :'ticket' then 'approved for ' || :'ticket'
            else 'the database does not carry the comment "approved ' || :'ticket' || '"' end as reason
from (select shobj_description(oid, 'pg_database') as description
      from pg_database where datname = current_database()) as c;
