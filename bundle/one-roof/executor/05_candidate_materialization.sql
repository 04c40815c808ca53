-- Tier 5: 35 assignments x 6 scopes become 210 candidates, then 210 ownership rows.
\set ON_ERROR_STOP on
\set tier 5
\set tier_name candidate_materialization
\set axis responsibility
\set source one-roof
\ir common/enter_tier.sql

insert into one_roof.candidate (axis, collection, scope, value, status)
select :'axis', a.collection, s.scope, a.authority, 'candidate'
from one_roof.assignment a
cross join public.governance_scopes s;

do $precondition$
declare
    candidates bigint;
begin
    select count(*) into candidates from one_roof.candidate where status = 'candidate';
    if candidates <> 210 then
        raise exception 'expected 210 candidates, found %', candidates;
    end if;
    if exists (select from public.governance_conflicts where not resolved) then
        raise exception 'a conflict is open: settle it before ownership is written';
    end if;
end
$precondition$;

insert into public.ownership (collection, scope, authority, ratified_apr, source)
select collection, scope, value, :'ratified_apr', :'source'
from one_roof.candidate
where axis = :'axis';

update one_roof.candidate set status = 'active' where axis = :'axis';

create view one_roof.critical_finding as
select 'critical collection without an owner' as finding, v.collection || '/' || v.scope as subject
from one_roof.coverage v
where v.criticality = 'critical' and v.authority is null
union all
select 'owner without a ratified proposal', o.collection || '/' || o.scope
from public.ownership o
where not exists (select from public.os_proposal_approvals a
                   where a.apr = o.ratified_apr and a.decision = 'ratified')
union all
select 'collection outside its domain', k.collection
from one_roof.containment_status k
where not k.contained
union all
select 'open conflict', x.collection || '/' || x.scope
from public.governance_conflicts x
where not x.resolved;

do $postcondition$
declare
    gap bigint;
begin
    select count(*) into gap from one_roof.coverage where authority is null;
    if gap <> 0 then
        raise exception 'expected a gap of 0, found %', gap;
    end if;
end
$postcondition$;
