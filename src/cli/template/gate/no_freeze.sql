-- READY unless a comment on the database stops all changes:
--   comment on database example is 'freeze: the accounts are being closed';
-- Replace it by the conditions of your own release.
select coalesce(c.description not like 'freeze%', true) as ready,
       case when c.description like 'freeze%' then 'the comment on the database says "' || c.description || '"'
            else 'no freeze for ' || :'ticket' end as reason
from pg_database as d
left join pg_shdescription as c on c.classoid = 'pg_database'::regclass and c.objoid = d.oid
where d.datname = current_database();
