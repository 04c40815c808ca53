-- Re-derives the invariants from the tables that exist with and without the release,
-- by other means than the probes. It holds before the run, after it, and after a rollback;
-- it does not hold in between. Daily work does not change it: new issues, new collections,
-- owners of other sources, conflicts.
\ir common/expected.sql

with gap as (
    select collection, scope from public.governed_collections, public.governance_scopes
    except
    select collection, scope from public.ownership
),
facts as (
    select (select count(*) from gap) as gaps,
           (select count(*) from public.ownership) as owned,
           (select count(*) from public.governed_collections, public.governance_scopes) as pairs,
           (select count(*) from public.ownership where source = 'one-roof') as ours,
           to_regclass('one_roof.axis') is not null as axis,
           exists (select from pg_catalog.pg_trigger t
                    where t.tgrelid = to_regclass('public.governance_events')
                      and t.tgname = 'one_roof_emit_guard' and t.tgenabled <> 'D') as guarded,
           (select value from public.emit_settings where name = 'governance.emit') as emit
)
select 'inventory' as name, count(*) >= :inventory as ok, count(*) || ' collections' as detail
from public.governed_collections
union all
select 'scopes', count(*) >= :scopes, count(*) || ' scopes'
from public.governance_scopes
union all
select 'pairs add up', owned + gaps = pairs, owned || ' owned, ' || gaps || ' open'
from facts
union all
select 'all or nothing', ours in (0, :pairs), ours || ' owners by the release'
from facts
union all
select 'axis is there exactly when the release has owners', axis = (ours > 0), 'axis ' || axis || ', owners ' || ours
from facts
union all
select 'guard is there exactly when the release has owners', guarded = (ours > 0), 'guard ' || guarded || ', owners ' || ours
from facts
union all
select 'emit setting fits', emit = case when ours > 0 then 'fail-closed' else 'unset' end, 'emit ' || emit
from facts
union all
select 'every owner of the release rests on a ratified proposal', count(*) = 0, count(*) || ' without one'
from public.ownership o
left join public.os_proposal_approvals a on a.apr = o.ratified_apr and a.decision = 'ratified'
where o.source = 'one-roof' and a.apr is null
union all
select 'conflicts are about pairs that exist', count(*) = 0, count(*) || ' about others'
from public.governance_conflicts x
where not exists (select from public.governed_collections c, public.governance_scopes s
                   where c.collection = x.collection and s.scope = x.scope)
union all
select 'only events of registered types are marked', count(*) = 0, count(*) || ' others'
from public.governance_events e
where e.emit and not exists (select from public.event_type_registry r where r.event_type = e.event_type)
union all
select 'every issue is about a governed collection', count(*) = 0, count(*) || ' others'
from public.system_issues i
where not exists (select from public.governed_collections c where c.collection = i.collection)
union all
select 'no DOT was asked to run', count(*) = 0, count(*) || ' requests'
from public.dot_run_requests;
