-- READY when somebody has set this comment on the database:
--   comment on database shop is 'approved OPS-1';
select coalesce(c.description = 'approved ' || :'ticket', false) as ready,
       case when c.description = 'approved ' || :'ticket' then 'approved for ' || :'ticket'
            else 'the database does not carry the comment "approved ' || :'ticket' || '"' end as reason
from pg_database as d
left join pg_shdescription as c on c.classoid = 'pg_database'::regclass and c.objoid = d.oid
where d.datname = current_database();
