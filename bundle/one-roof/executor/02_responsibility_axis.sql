-- Tier 2: the axis of responsibility, and the view that counts the gap. Nobody owns anything yet.
\set ON_ERROR_STOP on
\set tier 2
\set tier_name responsibility_axis
\set axis responsibility
\ir common/enter_tier.sql

insert into one_roof.axis (axis, active, about)
values (:'axis', true, 'which authority is accountable');

insert into one_roof.axis_value (axis, value)
select :'axis', code from public.governance_authorities;

create view one_roof.coverage as
select c.collection, c.ordinal as collection_ordinal, s.scope, s.ordinal as scope_ordinal, c.criticality,
       o.authority, o.ratified_apr
from public.governed_collections c
cross join public.governance_scopes s
left join public.ownership o on o.collection = c.collection and o.scope = s.scope;

do $postcondition$
declare
    gap bigint;
begin
    select count(*) into gap from one_roof.coverage where authority is null;
    if gap <> 210 then
        raise exception 'the axis must not change coverage: expected a gap of 210, found %', gap;
    end if;
end
$postcondition$;
