-- Could a second axis, topic, stand beside responsibility? Seven checks. Everything here is rolled back.
\set axis topic
\ir common/expected.sql

insert into one_roof.axis (axis, active, about) values (:'axis', false, 'what a collection is about');
select 'a second axis can be registered' as name, count(*) = 2 as ok, string_agg(axis, ', ' order by axis) as detail
from one_roof.axis;

insert into one_roof.axis_value (axis, value)
select distinct :'axis', domain from public.governed_collections;
select 'its values are the domains' as name, count(*) = 8 as ok, count(*)::text as detail
from one_roof.axis_value where axis = :'axis';

insert into one_roof.candidate (axis, collection, scope, value, status)
select :'axis', c.collection, s.scope, c.domain, 'candidate'
from public.governed_collections c
cross join public.governance_scopes s;
select 'candidates reproduce the gap' as name, count(*) = :pairs as ok, count(*)::text as detail
from one_roof.candidate where axis = :'axis' and status = 'candidate';

select 'candidates change no ownership' as name,
       count(authority) = :pairs and not exists (select from one_roof.divergence) as ok,
       count(authority)::text as detail
from one_roof.coverage;

update one_roof.candidate set status = 'active' where axis = :'axis';
select 'candidates become active' as name, count(*) = :pairs as ok, count(*)::text as detail
from one_roof.candidate where axis = :'axis' and status = 'active';

do $refused$
begin
    insert into one_roof.candidate (axis, collection, scope, value, status)
    values ('topic', 'kg_entities', 'access', 'knowledge', 'candidate');
exception when unique_violation then
    perform set_config('rehearsal.second_candidate', 'refused', true);
end
$refused$;
select 'a second candidate for a pair is refused' as name,
       coalesce(current_setting('rehearsal.second_candidate', true), '') = 'refused' as ok,
       'unique' as detail;

do $refused$
begin
    insert into one_roof.axis_value (axis, value) values ('nobody', 'nothing');
exception when foreign_key_violation then
    perform set_config('rehearsal.unknown_axis', 'refused', true);
end
$refused$;
select 'a value of an unknown axis is refused' as name,
       coalesce(current_setting('rehearsal.unknown_axis', true), '') = 'refused' as ok,
       'foreign key' as detail;
